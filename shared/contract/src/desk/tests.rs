//! What staff send: each body is read with all of its faults.

use domain::{Code, Refusal, quote::Approval};

use super::{reason::MAX_REASON, *};

fn faults<T>(read: Result<T, Refusal>) -> Vec<(Code, String)> {
    let refusal = read.err().expect("a refusal");
    refusal.faults.into_iter().map(|fault| (fault.code, fault.pointer)).collect()
}

#[test]
fn a_record_is_judged_by_form_and_rules_at_once() {
    let body = partner(br#"{"name": 1, "memberships": [{"programme": "p", "level": "x"}], "version": -1}"#).unwrap();
    let judged = body.judge(|request, faults| {
        faults.add(Code::Required, "/name", "covered: it could not be read");
        faults.add(Code::Required, "/memberships/0/from", "the rules' own");
        Some(request.memberships.len())
    });
    let expected = [
        (Code::WrongType, "/name"),
        (Code::UnknownMember, "/memberships/0/level"),
        (Code::ValueInvalid, "/version"),
        (Code::Required, "/memberships/0/from"),
    ];
    assert_eq!(faults(judged), expected.map(|(code, pointer)| (code, pointer.to_owned())));
}

#[test]
fn r34_a_decision_has_a_reason_and_is_about_one_revision() {
    let read = |body: &str| DecisionBody::read(body.as_bytes());
    let decision = read(r#"{"reason": " Certificate seen. ", "revision": 2}"#).unwrap();
    assert_eq!((&*decision.reason, decision.revision), ("Certificate seen.", 2));

    let reason = |code| (code, "/reason".to_owned());
    let revision = |code| (code, "/revision".to_owned());
    for body in [r#"{"revision": 1}"#, r#"{"reason": "  ", "revision": 1}"#] {
        assert_eq!(faults(read(body)), [reason(Code::Required)], "{body}");
    }
    let long = format!(r#"{{"reason": "{}", "revision": 1}}"#, "x".repeat(MAX_REASON + 1));
    for body in [&*long, r#"{"reason": "a\u0007b", "revision": 1}"#] {
        assert_eq!(faults(read(body)), [reason(Code::ValueInvalid)], "{body}");
    }
    assert_eq!(faults(read(r#"{"reason": "Seen."}"#)), [revision(Code::Required)]);
    assert_eq!(faults(read("{}")), [reason(Code::Required), revision(Code::Required)]);
    let wrong = r#"{"reason": 7, "revision": "1"}"#;
    assert_eq!(faults(read(wrong)), [reason(Code::WrongType), revision(Code::WrongType)]);
    let no = r#"{"reason": "No.", "revision": 1, "list_price": true}"#;
    assert_eq!(faults(read(no)), [(Code::UnknownMember, "/list_price".to_owned())], "there is no price to a no");
}

#[test]
fn r58_a_yes_says_what_proves_the_claims_or_that_it_is_without_their_discount() {
    let read = |body: &str| ApprovalBody::read(body.as_bytes());
    let ApprovalBody { approval, revision } = read(r#"{"reason": "Seen.", "revision": 2}"#).unwrap();
    assert_eq!((approval, revision), (Approval { reason: "Seen.".to_owned(), ..Approval::default() }, 2));
    let body = r#"{"reason": "Seen.", "revision": 1, "evidence": ["EV-1", "EV-2"], "list_price": true}"#;
    let approval = read(body).unwrap().approval;
    assert_eq!((approval.evidence, approval.list_price), (vec!["EV-1".to_owned(), "EV-2".to_owned()], true));
    let wrong = r#"{"reason": "Seen.", "revision": 1, "evidence": ["EV-1", 2], "list_price": "yes"}"#;
    let wrong_type = |at: &str| (Code::WrongType, at.to_owned());
    assert_eq!(faults(read(wrong)), [wrong_type("/evidence/1"), wrong_type("/list_price")]);
}

#[test]
fn what_a_line_of_a_batch_says_is_found_by_its_column_alone() {
    for (line, what) in [
        (&br#"{"sen": oops}"#[..], "This is not JSON: see column 9."),
        (br#"{"sen": "#, "The JSON ends too early: see column 8."),
        (br#"{"sen": 1, "sen": 2}"#, "An object has a member twice: see column 20."),
    ] {
        let refusal = entitlement_line(line).unwrap_err();
        assert_eq!((refusal.code(), &*refusal.faults[0].detail), (Code::MalformedJson, what));
    }
}

#[test]
fn r118_a_change_may_say_why() {
    let of_record = |reason: &str| {
        let body = partner(format!(r#"{{"name": "Acme", "reason": {reason}}}"#).as_bytes()).unwrap();
        body.judge(|_, _| Some(body.reason.clone()))
    };
    let of_policy = |reason: &str| {
        let body = format!(r#"{{"files": {{"tax.toml": "x"}}, "reason": {reason}}}"#);
        let PolicyBody { reason, faults, .. } = PolicyBody::read(body.as_bytes())?;
        faults.into_result(Some(reason))
    };
    let longest = "x".repeat(MAX_REASON);
    for of in [&of_record as &dyn Fn(&str) -> Result<Option<String>, Refusal>, &of_policy] {
        assert_eq!(of(r#"" New contract. ""#).unwrap().as_deref(), Some("New contract."));
        assert_eq!(of(&format!(r#""{longest}""#)).unwrap().as_deref(), Some(&*longest));
        assert_eq!((of("null").unwrap(), of(r#"" ""#).unwrap()), (None, None));
        assert_eq!(faults(of(&format!(r#""{longest}y""#))), [(Code::ValueInvalid, "/reason".to_owned())]);
        assert_eq!(faults(of("7")), [(Code::WrongType, "/reason".to_owned())]);
    }
    let line = br#"{"sen": "SEN-4MRX7-PQ2HVW", "reason": "Moved over."}"#;
    assert_eq!(entitlement_line(line).unwrap().1.reason.as_deref(), Some("Moved over."));
}

#[test]
fn files_of_the_policy_are_toml_in_the_folder_or_one_below() {
    let read = |body: &str| PolicyBody::read(body.as_bytes());
    let sound = read(r#"{"files": {"tax.toml": "x", "languages/en.toml": "y"}, "version": "ab"}"#).unwrap();
    assert_eq!(sound.files["languages/en.toml"], "y");
    assert_eq!(sound.version.as_deref(), Some("ab"));
    for body in [r#"{}"#, r#"{"files": {}}"#] {
        assert_eq!(faults(read(body)), [(Code::Required, "/files".to_owned())], "{body}");
    }
    for name in ["letters/letter.txt", "../tax.toml", "a/b/tax.toml", "/tax.toml", ".toml", "t\u{e9}.toml"] {
        let body = read(&format!(r#"{{"files": {{"{name}": "x", "tax.toml": "y"}}}}"#)).unwrap();
        assert_eq!(body.files.into_keys().collect::<Vec<_>>(), ["tax.toml"]);
        assert_eq!(faults(body.faults.into_result::<()>(None)), [(Code::ValueInvalid, file_pointer(name))], "{name}");
    }
    let body = read(r#"{"files": {"tax.toml": 7, "prices.toml": "x"}}"#).unwrap();
    assert_eq!(faults(body.faults.into_result::<()>(None)), [(Code::WrongType, file_pointer("tax.toml"))]);
    assert_eq!(file_pointer("languages/en.toml"), "/files/languages~1en.toml");
}
