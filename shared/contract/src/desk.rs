//! What the vendor's staff send and see: records of the desk, decisions, and the policy.

use std::collections::BTreeMap;

use domain::{
    Code, Fault, Quote, QuoteNumber, Refusal, Sen,
    fault::Faults,
    import::{
        CertificateRequest, EntitlementRequest, EvidenceRequest, MembershipRequest, PartnerRequest, PurchaserRequest,
        SiteContactRequest, SiteRequest,
    },
    license::{Entitlement, Kind},
    party::Contact,
    quote::Status,
    request::{ContactRequest, MAX_SEGMENTS, ReviewReason},
    review::Approval,
};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use crate::reader::{self, Object};

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// A record as it was sent, before any rule has seen it.
#[derive(Debug)]
pub struct RecordBody<T> {
    /// What it says.
    pub request: T,
    /// The version that the sender had read; 0 where nothing was. `None`: whatever is there.
    pub version: Option<u64>,
    /// Why it is sent, for the audit (R118).
    pub reason: Option<String>,
    faults: Faults,
}

impl<T> RecordBody<T> {
    fn read(body: &[u8], request: impl FnOnce(&mut Object<'_, '_>) -> T) -> Result<Self, Refusal> {
        let ((request, version, given), mut faults) =
            reader::read(body, |object| (request(object), object.integer("version"), object.text("reason")))?;
        if version.is_some_and(|version| version < 0) {
            faults.add(
                Code::ValueInvalid,
                "/version",
                "Give the version as it was read, 0 if there was nothing, or leave it out.",
            );
        }
        let reason = reason(&mut faults, given).flatten();
        Ok(Self { request, version: version.and_then(|version| u64::try_from(version).ok()), reason, faults })
    }

    /// What the rules make of it, or everything that is wrong with its form and by the rules.
    pub fn judge<R>(&self, rules: impl FnOnce(&T, &mut Faults) -> Option<R>) -> Result<R, Refusal> {
        let mut faults = Faults::default();
        let record = rules(&self.request, &mut faults);
        let mut all = self.faults.clone();
        all.absorb(faults);
        all.into_result(record)
    }
}

/// Why something is done. The outer `None` is a fault; the inner, a reason that was not given.
fn reason(faults: &mut Faults, given: Option<String>) -> Option<Option<String>> {
    let Some(reason) = given.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) else { return Some(None) };
    if reason.chars().count() > MAX_REASON || reason.chars().any(|c| c.is_control() && c != '\n') {
        let detail = format!("Give up to {MAX_REASON} characters, without control characters but line feeds.");
        faults.add(Code::ValueInvalid, "/reason", detail);
        return None;
    }
    Some(Some(reason.to_owned()))
}

/// `PUT /v1/desk/partners/{organization}`.
pub fn partner(body: &[u8]) -> Result<RecordBody<PartnerRequest>, Refusal> {
    RecordBody::read(body, |object| PartnerRequest {
        name: object.text("name"),
        memberships: object.objects("memberships", |membership| MembershipRequest {
            programme: membership.text("programme"),
            tier: membership.text("tier"),
            from: membership.text("from"),
            until: membership.text("until"),
        }),
    })
}

/// `PUT /v1/desk/evidence/{id}`.
pub fn evidence(body: &[u8]) -> Result<RecordBody<EvidenceRequest>, Refusal> {
    RecordBody::read(body, |object| EvidenceRequest {
        segment: object.text("segment"),
        organization: object.text("organization"),
        registration_number: object.text("registration_number"),
        country: object.text("country"),
        document: object.text("document"),
        verified_on: object.text("verified_on"),
        expires: object.text("expires"),
    })
}

/// `PUT /v1/desk/certificates/{id}`.
pub fn certificate(body: &[u8]) -> Result<RecordBody<CertificateRequest>, Refusal> {
    RecordBody::read(body, |object| CertificateRequest {
        kind: object.text("kind"),
        organization: object.text("organization"),
        country: object.text("country"),
        region: object.text("region"),
        number: object.text("number"),
        document: object.text("document"),
        from: object.text("from"),
        expires: object.text("expires"),
    })
}

/// `PUT /v1/desk/sites/{host}`.
pub fn site(body: &[u8]) -> Result<RecordBody<SiteRequest>, Refusal> {
    RecordBody::read(body, |object| SiteRequest {
        organization: object.text("organization"),
        contacts: object.objects("contacts", |member| SiteContactRequest { role: member.text("role"), contact: contact(member) }),
        entitlements: object.texts("entitlements"),
    })
}

/// `PUT /v1/desk/entitlements/{sen}`.
pub fn entitlement(body: &[u8]) -> Result<RecordBody<EntitlementRequest>, Refusal> {
    RecordBody::read(body, entitlement_request)
}

/// A line of `POST /v1/desk/entitlements`: an entitlement that says its own number; `None` when that is none.
pub fn entitlement_line(line: &[u8]) -> Result<(Option<Sen>, RecordBody<EntitlementRequest>), Refusal> {
    let RecordBody { request: (given, request), version, reason, mut faults } =
        RecordBody::read(line, |object| (object.text("sen"), entitlement_request(object)))?;
    let sen = given.as_deref().and_then(|given| given.parse().ok());
    let mut rules = Faults::default();
    match given {
        None => rules.add(Code::Required, "/sen", "Say under which number it was sold."),
        Some(_) if sen.is_none() => rules.add(Code::ValueInvalid, "/sen", NOT_A_SEN),
        Some(_) => {}
    }
    faults.absorb(rules);
    Ok((sen, RecordBody { request, version, reason, faults }))
}

/// What to do about a number that is none of ours.
pub const NOT_A_SEN: &str = "This is not a support entitlement number such as SEN-4MRX7-PQ2HVW, or it is mistyped. What another \
    system has sold is given a number first: ten characters of 23456789ABCDEFGHJKMNPQRTVWXYZ, and a check character. Each counts \
    as its place in that row, from 0, times its place in the number from behind, from 1; the sum must be a multiple of 29.";

fn entitlement_request(object: &mut Object<'_, '_>) -> EntitlementRequest {
    EntitlementRequest {
        product: object.text("product"),
        edition: object.text("edition"),
        tier: object.integer("tier"),
        licensee: object.text("licensee"),
        technical_contact: object.object("technical_contact", contact).unwrap_or_default(),
        purchaser: object
            .object("purchaser", |purchaser| PurchaserRequest {
                company: purchaser.text("company"),
                contact: purchaser.object("contact", contact).unwrap_or_default(),
                organization: purchaser.text("organization"),
            })
            .unwrap_or_default(),
        purchased: object.text("purchased"),
        end: object.text("end"),
    }
}

fn contact(object: &mut Object<'_, '_>) -> ContactRequest {
    ContactRequest { name: object.text("name"), email: object.text("email") }
}

/// A decision, such as `POST /v1/desk/quotes/{number}/reject`.
#[derive(Debug)]
pub struct DecisionBody {
    /// Why.
    pub reason: String,
    /// The revision that was looked at.
    pub revision: i64,
}

impl DecisionBody {
    /// Reads a body, or says everything that is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        Self::read_with(body, |_| ()).map(|(decision, ())| decision)
    }

    /// Reads a body that says more, with what it says more.
    fn read_with<T>(body: &[u8], more: impl FnOnce(&mut Object<'_, '_>) -> T) -> Result<(Self, T), Refusal> {
        let ((given, revision, more), mut faults) =
            reader::read(body, |object| (object.text("reason"), object.integer("revision"), more(object)))?;
        let mut rules = Faults::default();
        let reason = reason(&mut rules, given);
        if let Some(None) = reason {
            rules.add(Code::Required, "/reason", "Say why: the reason is kept with your name.");
        }
        if revision.is_none() {
            let detail = "Say which revision you have looked at: if the buyer has sent another one since, nothing is decided.";
            rules.add(Code::Required, "/revision", detail);
        }
        faults.absorb(rules);
        let (reason, revision) = faults.into_result(reason.flatten().zip(revision))?;
        Ok((Self { reason, revision }, more))
    }
}

/// A yes: `POST /v1/desk/quotes/{number}/approve`.
#[derive(Debug)]
pub struct ApprovalBody {
    /// What is said.
    pub approval: Approval,
    /// The revision that was looked at.
    pub revision: i64,
}

impl ApprovalBody {
    /// Reads a body, or says everything that is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let more = |object: &mut Object<'_, '_>| (object.texts("evidence"), object.flag("list_price"));
        let (DecisionBody { reason, revision }, (evidence, list_price)) = DecisionBody::read_with(body, more)?;
        if evidence.len() > MAX_SEGMENTS {
            let detail = format!("Name up to {MAX_SEGMENTS} pieces of evidence: no order claims more.");
            return Err(Refusal::at(Code::ValueInvalid, "/evidence", detail));
        }
        Ok(Self { approval: Approval { reason, evidence, list_price }, revision })
    }
}

/// `PUT /v1/desk/policy`.
#[derive(Debug)]
pub struct PolicyBody {
    /// All of its files, by their names in the vendor's folder.
    pub files: BTreeMap<String, String>,
    /// The policy that the sender had read; `None`: whichever is in force.
    pub version: Option<String>,
    /// Why it is sent, for the audit (R118).
    pub reason: Option<String>,
    /// What is wrong with it otherwise. What is wrong with the files is told with it.
    pub faults: Faults,
}

impl PolicyBody {
    /// Reads a body. `Err` only when there are no files in it: files whose names cannot be are left out, and are faults.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let ((files, version, given), mut faults) =
            reader::read(body, |object| (object.named_texts("files"), object.text("version"), object.text("reason")))?;
        let mut rules = Faults::default();
        let reason = reason(&mut rules, given).flatten();
        let mut files = files.unwrap_or_default();
        if files.is_empty() {
            rules.add(Code::Required, "/files", "Send all files of the policy: their names, each with its text.");
            faults.absorb(rules);
            return faults.into_result(None);
        }
        files.retain(|name, _| {
            let is_one = is_policy_file(name);
            if !is_one {
                let detail = "Name a file of the policy, such as `catalogue.toml` or `languages/en.toml`.";
                rules.add(Code::ValueInvalid, file_pointer(name), detail);
            }
            is_one
        });
        faults.absorb(rules);
        Ok(Self { files, version, reason, faults })
    }
}

/// TOML, in the vendor's folder or one folder below.
fn is_policy_file(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
    };
    name.len() <= 100 && name.ends_with(".toml") && name.split('/').count() <= 2 && name.split('/').all(plain)
}

/// Where a file is in the body of `PUT /v1/desk/policy`.
pub fn file_pointer(name: &str) -> String {
    format!("/files/{}", reader::escaped(name))
}

/// An entitlement, as staff see it: never its key (R52).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct EntitlementView<'e> {
    pub sen: &'e Sen,
    pub version: u64,
    /// The quote that sold what it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<&'e QuoteNumber>,
    pub kind: Kind,
    pub product: &'e str,
    pub product_name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<&'e str>,
    pub tier: u32,
    pub licensee: &'e str,
    pub technical_contact: &'e Contact,
    pub purchaser: PurchaserView<'e>,
    pub purchased: Date,
    /// The first day that is not covered: by maintenance for a perpetual licence, by the term otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// The quote by which it moved to the cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrated_by: Option<&'e QuoteNumber>,
    /// The quote that sold it, and whose money went back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_by: Option<&'e QuoteNumber>,
    pub issued_at: Timestamp,
}

/// Who bought it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PurchaserView<'e> {
    pub company: &'e str,
    pub contact: &'e Contact,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<&'e str>,
}

impl<'e> From<&'e Entitlement> for EntitlementView<'e> {
    fn from(entitlement: &'e Entitlement) -> Self {
        let issue = &entitlement.issue;
        Self {
            sen: &entitlement.sen,
            version: entitlement.version,
            quote: issue.quote.as_ref(),
            kind: entitlement.kind,
            product: &entitlement.product,
            product_name: &entitlement.product_name,
            edition: issue.edition.as_deref(),
            tier: issue.tier,
            licensee: &entitlement.licensee,
            technical_contact: &entitlement.technical_contact,
            purchaser: PurchaserView {
                company: &issue.purchaser,
                contact: &issue.purchaser_contact,
                organization: issue.organization.as_deref(),
            },
            purchased: issue.purchased,
            end: entitlement.end(),
            migrated_by: entitlement.migrated_by.as_ref(),
            refunded_by: entitlement.refunded_by.as_ref(),
            issued_at: issue.issued_at,
        }
    }
}

/// What became of a record that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is new.
    Created,
    /// It is changed.
    Updated,
    /// It was like this already, and nothing was written.
    Unchanged,
    /// It is wrong, and nothing was written.
    Refused,
}

/// What became of a batch: its lines in their order, and how many came out how.
#[derive(Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct BatchView {
    pub lines: Vec<LineOutcome>,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub refused: usize,
}

/// What became of a line.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LineOutcome {
    /// Its number in what was sent, from 1; empty lines count.
    pub line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sen: Option<Sen>,
    pub outcome: Outcome,
    /// What is wrong, each with its pointer into the line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

impl FromIterator<LineOutcome> for BatchView {
    fn from_iter<I: IntoIterator<Item = LineOutcome>>(lines: I) -> Self {
        let lines: Vec<_> = lines.into_iter().collect();
        let count = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
        Self {
            created: count(Outcome::Created),
            updated: count(Outcome::Updated),
            unchanged: count(Outcome::Unchanged),
            refused: count(Outcome::Refused),
            lines,
        }
    }
}

/// A quote after a decision, without anything that opens it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct DecisionView<'q> {
    pub number: &'q QuoteNumber,
    pub status: Status,
    pub revision: u32,
}

impl<'q> DecisionView<'q> {
    /// The quote as it is at `now`.
    pub fn of(quote: &'q Quote, now: Timestamp) -> Self {
        Self { number: &quote.number, status: quote.status(now), revision: quote.offer.revision }
    }
}

/// What waits for a decision, the first due first (R34).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReviewsView<'q> {
    pub quotes: Vec<ReviewView<'q>>,
    /// Whether there are more, due later.
    pub more: bool,
}

/// A quote that waits for a decision.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReviewView<'q> {
    pub number: &'q QuoteNumber,
    pub revision: u32,
    pub submitted_at: Timestamp,
    /// The day by which somebody has looked (R33).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Date>,
    pub review_reasons: &'q [ReviewReason],
    /// Who is billed.
    pub buyer: &'q str,
    /// The licensee.
    pub customer: &'q str,
    pub currency: &'static str,
    pub net: i64,
    pub total: i64,
}

impl<'q> From<&'q Quote> for ReviewView<'q> {
    fn from(quote: &'q Quote) -> Self {
        let offer = &quote.offer;
        Self {
            number: &quote.number,
            revision: offer.revision,
            submitted_at: offer.issued_at,
            review_due: quote.awaits_review_by(),
            review_reasons: &offer.review,
            buyer: &offer.bill_to().company,
            customer: &offer.customer.company,
            currency: offer.currency.code(),
            net: offer.net,
            total: offer.total,
        }
    }
}

/// What was done to a record, or the end of it (R118).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AuditView {
    /// Oldest first; those of one instant in any order.
    pub entries: Vec<AuditEntryView>,
    /// Whether older ones were left out.
    pub more: bool,
}

/// That somebody did something to it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AuditEntryView {
    pub at: Timestamp,
    /// The subject of their token, or `deployment`.
    pub by: String,
    /// Their address then, if their token had one that was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which policy is in force.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyView<'p> {
    pub version: &'p str,
    pub published_at: Timestamp,
    /// The subject of the token of whoever published it, or `deployment`.
    pub by: &'p str,
}

/// A policy's files.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyFilesView<'p> {
    pub version: &'p str,
    pub files: &'p BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
