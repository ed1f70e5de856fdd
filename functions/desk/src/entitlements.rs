//! The import of entitlements that another system has sold: one, or a batch in JSON lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::IntoResponse,
};
use contract::desk::{self, BatchView, EntitlementView, LineOutcome, Outcome, RecordBody};
use domain::{
    Code, Policy, Refusal, Sen, government::GovernmentSubscription, license::Entitlement, records::EntitlementRequest,
    request::Wanted,
};
use runtime::{Failure, Reply, authority::Staff, task};
use tokio::task::JoinSet;

use crate::{
    records::{Decision, decide, kept, sen},
    state::{ATTEMPTS, Desk},
};

/// The largest batch that is read, in bytes: a thousand lines of 2 KB each. Most lines have about 0.5 KB.
pub(crate) const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;

/// The most lines of a batch.
const MAX_BATCH: usize = 1_000;

/// The number of lines that are written concurrently. API Gateway waits at most 30 seconds for all lines.
const AT_ONCE: usize = 16;

/// `GET /v1/desk/entitlements/{sen}`: the entitlement without its key, which only its own contacts see.
pub(crate) async fn view(_: Staff, State(desk): State<Arc<Desk>>, Path(given): Path<String>) -> Reply {
    let entitlement = desk.store.entitlement(&sen(&given)?).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(EntitlementView::from(&entitlement)).into_response())
}

/// `PUT /v1/desk/entitlements/{sen}`.
pub(crate) async fn put(staff: Staff, State(desk): State<Arc<Desk>>, Path(given): Path<String>, body: Bytes) -> Reply {
    let (sen, body) = (sen(&given)?, desk::entitlement(&body)?);
    let policy = desk.policies.current().await?;
    let before = desk.store.entitlement(&sen).await?;
    let (outcome, entitlement) = desk.import(&staff, &policy, Some(&sen), &body, before).await?;
    Ok(kept(outcome, EntitlementView::from(&entitlement)))
}

/// `POST /v1/desk/entitlements`: a result per line, in their order. A line with faults does not stop the others.
pub(crate) async fn import_lines(staff: Staff, State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Reply {
    if !is_json_lines(&headers) {
        let detail = "Send one JSON object per line, with the content type application/jsonl or application/x-ndjson.";
        return Err(Refusal::new(Code::ValueInvalid, detail).into());
    }
    let Batch { lines, mut outcomes } = Batch::read(&body)?;
    let policy = desk.policies.current().await?;
    let mut known = desk.store.entitlements(lines.iter().filter_map(|line| line.sen.as_ref())).await?;
    let mut waiting = lines.into_iter();
    let mut running = JoinSet::new();
    loop {
        for Line { number, sen, body } in waiting.by_ref().take(AT_ONCE - running.len()) {
            let (desk, staff, policy) = (desk.clone(), staff.clone(), policy.clone());
            let before = sen.as_ref().and_then(|sen| known.remove(sen));
            let import = async move {
                let imported = desk.import(&staff, &policy, sen.as_ref(), &body, before).await;
                (number, sen, imported)
            };
            running.spawn(task::traced(import));
        }
        let Some(done) = running.join_next().await else { break };
        let (number, sen, imported) = done.map_err(|panicked| Failure::broken("a line cannot be imported", panicked))?;
        let outcome = match imported {
            Ok((outcome, _)) => LineOutcome { line: number, sen, outcome, errors: Vec::new() },
            Err(Failure::Refused(refusal)) => refused(number, sen, refusal),
            Err(failure) => return Err(failure),
        };
        outcomes.insert(number, outcome);
    }
    Ok(Json(outcomes.into_values().collect::<BatchView>()).into_response())
}

/// The lines of a batch.
struct Batch {
    /// The lines that can be checked against the rules.
    lines: Vec<Line>,
    /// The results of the other lines, by line number.
    outcomes: BTreeMap<usize, LineOutcome>,
}

/// A line that can be checked against the rules.
struct Line {
    /// The line number, from 1.
    number: usize,
    /// The entitlement number. `None`: it is missing or malformed. The body then contains this fault.
    sen: Option<Sen>,
    body: RecordBody<EntitlementRequest>,
}

impl Batch {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let lines = desk::without_mark(body).split(|&byte| byte == b'\n').enumerate().map(|(i, line)| (i + 1, line.trim_ascii()));
        let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty()).take(MAX_BATCH + 1).collect();
        match lines.len() {
            0 => return Err(Refusal::new(Code::Required, "The body has no lines. Send one JSON object per line.")),
            1..=MAX_BATCH => {}
            _ => {
                return Err(Refusal::new(
                    Code::ValueInvalid,
                    format!("There are too many lines. Send at most {MAX_BATCH} at once. Nothing was stored."),
                ));
            }
        }
        let mut batch = Self { lines: Vec::new(), outcomes: BTreeMap::new() };
        let mut named = BTreeSet::new();
        for (number, line) in lines {
            let refusal = match desk::entitlement_line(line) {
                Err(refusal) => refused(number, None, refusal),
                // Lines are written concurrently: of two lines with one number, either could be the last.
                Ok((Some(sen), _)) if !named.insert(sen.clone()) => {
                    let detail = "An earlier line has the same number. Send only one of them.";
                    refused(number, Some(sen), Refusal::at(Code::NotExpected, "/sen", detail))
                }
                Ok((sen, body)) => {
                    batch.lines.push(Line { number, sen, body });
                    continue;
                }
            };
            batch.outcomes.insert(number, refusal);
        }
        Ok(batch)
    }
}

fn refused(line: usize, sen: Option<Sen>, refusal: Refusal) -> LineOutcome {
    LineOutcome { line, sen, outcome: Outcome::Refused, errors: refusal.faults }
}

fn is_json_lines(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bare = given.split(';').next().unwrap_or_default().trim();
    ["application/jsonl", "application/x-ndjson"].iter().any(|kind| bare.eq_ignore_ascii_case(kind))
}

impl Desk {
    /// Imports an entitlement, and replaces the stored one.
    async fn import(
        &self,
        staff: &Staff,
        policy: &Policy,
        sen: Option<&Sen>,
        body: &RecordBody<EntitlementRequest>,
        mut before: Option<Entitlement>,
    ) -> Reply<(Outcome, Entitlement)> {
        for _ in 0..ATTEMPTS {
            let on = self.occasion(staff, policy);
            let decided = decide(body, before.as_ref(), |request, before, faults| request.check(sen, before, &on, faults))?;
            let next = match decided {
                Decision::Keep(entitlement) => return Ok((Outcome::Unchanged, entitlement)),
                Decision::Write(next) => next,
            };
            // First, so that a retry after a lost response repairs both.
            self.note_government_subscription(before.as_ref(), &next, policy).await?;
            if let Some(outcome) = self.write(staff, body.reason.as_deref(), before.as_ref(), &next).await? {
                return Ok((outcome, next));
            }
            before = self.store.entitlement(&next.sen).await?;
        }
        Err(Failure::contended())
    }

    /// Records that an end customer has its one subscription to a government product (R106), and that another customer, who was
    /// named by mistake before, has none.
    async fn note_government_subscription(&self, before: Option<&Entitlement>, next: &Entitlement, policy: &Policy) -> Reply<()> {
        let of = |entitlement: Option<&Entitlement>| {
            entitlement.and_then(|entitlement| GovernmentSubscription::of(entitlement, policy))
        };
        let (old, new) = (of(before), of(Some(next)));
        let mut wanted = Wanted::default();
        wanted
            .government_subscriptions
            .extend([&old, &new].into_iter().flatten().map(|it| (it.product.clone(), it.licensee.clone())));
        let known = self.store.facts(&wanted, None).await?.government_subscriptions;
        for holding in noted(old, new, &known, before) {
            self.store.record_government_subscription(&holding).await?;
        }
        Ok(())
    }
}

/// Which records to write: the new one, unless a subscription with a later end is recorded; and, if the old record belongs to
/// another customer, that its subscription has ended.
fn noted(
    old: Option<GovernmentSubscription>,
    new: Option<GovernmentSubscription>,
    known: &[GovernmentSubscription],
    before: Option<&Entitlement>,
) -> Vec<GovernmentSubscription> {
    let there = |it: &GovernmentSubscription| known.iter().find(|known| known.excludes(it));
    let ended = old
        .filter(|old| !new.as_ref().is_some_and(|new| old.excludes(new)))
        .filter(|old| there(old).is_some_and(|known| known.sen == old.sen))
        .zip(before)
        .map(|(old, before)| GovernmentSubscription { end: before.statement.purchased, ..old });
    let begun = new.filter(|new| there(new).is_none_or(|known| known.sen == new.sen || known.end < new.end));
    ended.into_iter().chain(begun).collect()
}

#[cfg(test)]
mod tests {
    use domain::number::Minter;
    use jiff::civil::{Date, date};

    use super::*;

    const SENS: [&str; 3] = ["SEN-4MRX7-PQ2HVW", "SEN-22222-222222", "SEN-BCDEF-GHJKMK"];

    fn errors(outcome: &LineOutcome) -> Vec<(Code, &str)> {
        outcome.errors.iter().map(|fault| (fault.code, &*fault.pointer)).collect()
    }

    #[test]
    fn a_line_with_a_mistake_does_not_stop_the_others() {
        let body = format!(
            "{{\"sen\": \"{}\"}}\r\n\n{{\"sen\": 7}}\nnot json\n{{\"sen\": \"{}\"}}\n{{\"sen\": \"SEN-1\"}}\n{{\"sen\": \"{}\"}}\n",
            SENS[0],
            SENS[1],
            SENS[0].to_lowercase(),
        );
        let Batch { lines, outcomes } = Batch::read(body.as_bytes()).unwrap();
        let numbers: Vec<_> = lines.iter().map(|line| (line.number, line.sen.as_ref().map(Sen::to_string))).collect();
        let [first, second, _] = SENS.map(|sen| Some(sen.to_owned()));
        assert_eq!(numbers, [(1, first), (3, None), (5, second), (6, None)]);
        assert_eq!(outcomes.keys().copied().collect::<Vec<_>>(), [4, 7]);
        assert_eq!(errors(&outcomes[&4]), [(Code::MalformedJson, "")]);
        assert_eq!(errors(&outcomes[&7]), [(Code::NotExpected, "/sen")]);
        assert_eq!(outcomes[&7].sen.as_ref().map(Sen::to_string).as_deref(), Some(SENS[0]));
    }

    #[test]
    fn a_batch_has_a_line_and_no_more_than_a_thousand() {
        let code = |body: &str| Batch::read(body.as_bytes()).err().map(|refusal| refusal.code());
        assert_eq!(code(""), Some(Code::Required));
        assert_eq!(code("\n \r\n"), Some(Code::Required));
        assert_eq!(code(&"{}\n\n".repeat(MAX_BATCH)), None);
        assert_eq!(code(&"{}\n".repeat(MAX_BATCH + 1)), Some(Code::ValueInvalid));
    }

    #[test]
    fn a_batch_of_a_thousand_long_lines_is_read() {
        let minter = Minter::new(b"sold before, by another system");
        let quote = minter.quote_from_seed("a batch");
        let name = "A name as long as any ".repeat(4);
        let contact = serde_json::json!({ "name": name, "email": format!("{}@acme.example", "x".repeat(60)) });
        let line = |i: u32| {
            let line = serde_json::json!({
                "sen": minter.sen(&quote, i, 0), "product": "tracker-service-desk", "edition": "premium", "tier": 10_000,
                "licensee": "株式会社サンプル商事".repeat(12), "technical_contact": contact,
                "purchaser": { "company": name, "contact": contact, "organization": name },
                "purchased": "2024-01-01", "end": "2027-01-01", "version": 0,
                "reason": "Sold by the system before. ".repeat(18),
            });
            format!("{line}\n")
        };
        let body: String = (1..=1_000).map(line).collect();
        assert!(body.len() > MAX_BATCH_BYTES / 2 && body.len() <= MAX_BATCH_BYTES, "{} bytes", body.len());
        let Batch { lines, outcomes } = Batch::read(body.as_bytes()).unwrap();
        assert_eq!((lines.len(), outcomes.len()), (1_000, 0));
        assert_eq!(lines.iter().filter_map(|line| line.sen.clone()).collect::<BTreeSet<_>>().len(), 1_000);
    }

    #[test]
    fn a_batch_has_the_content_type_of_json_lines() {
        let sent = |kind: &str| is_json_lines(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]));
        assert!(sent("application/jsonl") && sent("Application/X-NDJSON; charset=utf-8"));
        assert!(!sent("application/json") && !sent("") && !is_json_lines(&HeaderMap::new()));
    }

    fn held(licensee: &str, sen: usize, end: Date) -> GovernmentSubscription {
        GovernmentSubscription {
            product: "government".to_owned(),
            licensee: licensee.to_owned(),
            sen: SENS[sen].parse().unwrap(),
            end,
        }
    }

    #[test]
    fn r106_the_subscription_with_the_latest_end_is_recorded() {
        let (sooner, later) = (date(2027, 1, 1), date(2028, 1, 1));
        let new = held("Agency", 0, sooner);
        let written = |known: &[GovernmentSubscription]| noted(None, Some(new.clone()), known, None);
        assert_eq!(written(&[]), std::slice::from_ref(&new));
        assert_eq!(written(&[held("AGENCY", 1, later)]), []);
        assert_eq!(written(&[held("Other", 1, later)]), std::slice::from_ref(&new));
        assert_eq!(written(&[held("Agency", 0, later)]), std::slice::from_ref(&new), "the same subscription replaces its record");
        assert_eq!(noted(None, None, &[], None), []);
    }

    #[test]
    fn r106_a_customer_who_was_named_by_mistake_can_subscribe_again() {
        let end = date(2027, 1, 1);
        let (old, new) = (held("Wrong", 0, end), held("Right", 0, end));
        let purchased = date(2026, 1, 1);
        let before = an_entitlement(purchased);
        let written = |known: &[GovernmentSubscription]| noted(Some(old.clone()), Some(new.clone()), known, Some(&before));
        assert_eq!(written(std::slice::from_ref(&old)), [held("Wrong", 0, purchased), new.clone()]);
        assert_eq!(written(&[held("Wrong", 2, end)]), std::slice::from_ref(&new), "the record of another subscription stays");
        assert_eq!(noted(Some(new.clone()), Some(new.clone()), std::slice::from_ref(&new), Some(&before)), [new]);
    }

    fn an_entitlement(purchased: Date) -> Entitlement {
        let contact = serde_json::json!({ "name": "Tess", "email": "tess@acme.example" });
        let entitlement = serde_json::json!({
            "sen": SENS[0], "line": 0, "kind": "subscription", "product": "government", "product_name": "Government", "tier": 500,
            "licensee": "Wrong", "technical_contact": contact, "purchaser": "Wrong", "purchaser_contact": contact,
            "purchased": purchased, "term_end": date(2027, 1, 1), "issued_at": "2026-01-01T00:00:00Z",
        });
        serde_json::from_value(entitlement).unwrap()
    }
}
