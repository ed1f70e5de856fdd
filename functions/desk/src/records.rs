//! Partners, evidence, certificates and sites. Each record is sent and read as a whole.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use contract::desk::{self, AuditEntryView, AuditView, Outcome, RecordBody};
use domain::{
    Code, Policy, Refusal, Sen,
    channel::Partner,
    evidence::{SegmentEvidence, Site, TaxCertificate, site_host},
    fault::Faults,
    payment::PaymentId,
    records::{self, Record, RecordContext},
    suppression::MailboxId,
};
use jiff::Timestamp;
use runtime::{Failure, Reply, authority::Staff, query::Paging, random};
use serde::Serialize;
use store::{AuditEntry, Commit, Item, Page, keys::Key};

use crate::state::{ATTEMPTS, Desk};

/// The decision about a record that was sent.
pub(crate) enum Decision<T> {
    /// Nothing is written: the stored record is the same.
    Keep(T),
    /// This record is written.
    Write(T),
}

/// Decides about a record, given the stored one. The same record is not a change, whichever version the sender had read: the
/// response to the first request may have been lost.
pub(crate) fn decide<T: Item + Record, R>(
    body: &RecordBody<R>,
    before: Option<&T>,
    rules: impl FnOnce(&R, Option<&T>, &mut Faults) -> Option<T>,
) -> Result<Decision<T>, Refusal> {
    let mut record = body.judge(|request, faults| rules(request, before, faults))?;
    if Some(&record) == before {
        return Ok(Decision::Keep(record));
    }
    if body.version.is_some_and(|read| read != before.map_or(0, Item::version)) {
        return Err(changed());
    }
    record.advance();
    Ok(Decision::Write(record))
}

/// The refusal of a change to a record that was changed since the sender read it.
pub(crate) fn changed() -> Refusal {
    Refusal::new(Code::RecordChanged, "This was changed since you read it. Read it again, and change the new version.")
}

impl Desk {
    /// What the rules need to check a record.
    pub(crate) fn occasion<'a>(&self, staff: &'a Staff, policy: &'a Policy) -> RecordContext<'a> {
        RecordContext { policy, by: staff.subject(), at: self.clock.now() }
    }

    /// Writes a record with its audit entry. `None`: another request changed the record first. Decide again.
    pub(crate) async fn write<T: Item>(
        &self,
        staff: &Staff,
        reason: Option<&str>,
        before: Option<&T>,
        next: &T,
    ) -> Reply<Option<Outcome>> {
        let entry = entry(staff, reason, self.clock.now(), before, next)?;
        Ok(match self.store.record(before, next, &entry).await? {
            Commit::Committed => Some(if before.is_none() { Outcome::Created } else { Outcome::Updated }),
            Commit::Conflict => None,
        })
    }

    /// Stores a record as it was sent, and returns it.
    async fn keep<T: Item + Record, R>(
        &self,
        staff: &Staff,
        key: Key,
        body: RecordBody<R>,
        rules: impl Fn(&R, Option<&T>, &RecordContext<'_>, &mut Faults) -> Option<T>,
    ) -> Reply {
        let policy = self.policies.current().await?;
        for _ in 0..ATTEMPTS {
            let before: Option<T> = self.store.recorded(&key).await?;
            let on = self.occasion(staff, &policy);
            match decide(&body, before.as_ref(), |request, before, faults| rules(request, before, &on, faults))? {
                Decision::Keep(record) => return Ok(kept(Outcome::Unchanged, record)),
                Decision::Write(next) => {
                    if let Some(outcome) = self.write(staff, body.reason.as_deref(), before.as_ref(), &next).await? {
                        return Ok(kept(outcome, next));
                    }
                }
            }
        }
        Err(Failure::contended())
    }

    async fn read<T: Item>(&self, key: Key) -> Reply {
        let record: Option<T> = self.store.recorded(&key).await?;
        record.map(|record| Json(record).into_response()).ok_or_else(|| Refusal::not_found().into())
    }
}

/// The response to a sent record: 201 for a new one.
pub(crate) fn kept(outcome: Outcome, record: impl Serialize) -> axum::response::Response {
    let status = if outcome == Outcome::Created { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(record)).into_response()
}

fn entry<T: Item>(staff: &Staff, reason: Option<&str>, at: Timestamp, before: Option<&T>, next: &T) -> Reply<AuditEntry> {
    let value = |record: &T| {
        serde_json::to_value(record).map_err(|error| Failure::broken(format!("a {} cannot be written as JSON", T::KIND), error))
    };
    Ok(AuditEntry {
        partition: next.key().partition,
        at,
        by: staff.subject().to_owned(),
        email: staff.email().map(str::to_owned),
        action: "record".to_owned(),
        before: before.map(value).transpose()?,
        after: Some(value(next)?),
        reason: reason.map(str::to_owned),
        key_id: None,
        ip: None,
        unique: random::token(),
    })
}

/// `PUT /v1/desk/partners/{organization}` — R4.
pub(crate) async fn put_partner(staff: Staff, State(desk): State<Arc<Desk>>, Path(name): Path<String>, body: Bytes) -> Reply {
    let (name, body) = (organization(&name)?, desk::partner(&body)?);
    desk.keep(&staff, Key::partner(name), body, |request, before, on, faults| request.check(name, before, on, faults)).await
}

/// `GET /v1/desk/partners/{organization}`.
pub(crate) async fn partner(_: Staff, State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Reply {
    desk.read::<Partner>(Key::partner(organization(&name)?)).await
}

/// `PUT /v1/desk/evidence/{id}` — R58, R59.
pub(crate) async fn put_evidence(staff: Staff, State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> Reply {
    let (id, body) = (reference(&id)?, desk::evidence(&body)?);
    desk.keep(&staff, Key::evidence(id), body, |request, before, on, faults| request.check(id, before, on, faults)).await
}

/// `GET /v1/desk/evidence/{id}`.
pub(crate) async fn evidence(_: Staff, State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Reply {
    desk.read::<SegmentEvidence>(Key::evidence(reference(&id)?)).await
}

/// `PUT /v1/desk/certificates/{id}` — R91.
pub(crate) async fn put_certificate(staff: Staff, State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> Reply {
    let (id, body) = (reference(&id)?, desk::certificate(&body)?);
    desk.keep(&staff, Key::certificate(id), body, |request, before, on, faults| request.check(id, before, on, faults)).await
}

/// `GET /v1/desk/certificates/{id}`.
pub(crate) async fn certificate(_: Staff, State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Reply {
    desk.read::<TaxCertificate>(Key::certificate(reference(&id)?)).await
}

/// `PUT /v1/desk/sites/{host}` — R12, R31.
pub(crate) async fn put_site(staff: Staff, State(desk): State<Arc<Desk>>, Path(given): Path<String>, body: Bytes) -> Reply {
    let (host, body) = (host(&given)?, desk::site(&body)?);
    desk.keep(&staff, Key::site(&host), body, |request, before, _, faults| request.check(&host, before, faults)).await
}

/// `GET /v1/desk/sites/{host}`.
pub(crate) async fn site(_: Staff, State(desk): State<Arc<Desk>>, Path(given): Path<String>) -> Reply {
    desk.read::<Site>(Key::site(&host(&given)?)).await
}

/// `GET /v1/desk/audit/{kind}/{id}`: the audit entries of a record, page by page, newest first — R118. The kind is the same word
/// as in the record's own path, such as `partners`.
pub(crate) async fn audit(
    _: Staff,
    State(desk): State<Arc<Desk>>,
    Path((kind, id)): Path<(String, String)>,
    Paging(page): Paging,
) -> Reply {
    let key = match &*kind {
        "partners" => Key::partner(organization(&id)?),
        "evidence" => Key::evidence(reference(&id)?),
        "certificates" => Key::certificate(reference(&id)?),
        "sites" => Key::site(&host(&id)?),
        "entitlements" => Key::entitlement(&sen(&id)?),
        "payments" => Key::receipt(&PaymentId::parse(&id).ok_or_else(Refusal::not_found)?),
        "suppressions" => Key::mailbox(&MailboxId::parse(&id).ok_or_else(Refusal::not_found)?),
        "policy" if id == "current" => Key::policy_in_force(),
        _ => return Err(Refusal::not_found().into()),
    };
    let Page { entries, next } = desk.store.audit_page(&key.partition, &page).await?;
    let view = |AuditEntry { at, by, email, action, before, after, reason, key_id, ip, .. }| AuditEntryView {
        at,
        by,
        email,
        action,
        before,
        after,
        reason,
        key_id,
        ip,
    };
    let next = next.map(|next| next.to_string());
    Ok(Json(AuditView { entries: entries.into_iter().map(view).collect(), next }).into_response())
}

fn organization(given: &str) -> Result<&str, Refusal> {
    let detail = "The organisation in the path must have 1 to 120 visible characters.";
    records::organization(given).ok_or_else(|| Refusal::new(Code::ValueInvalid, detail))
}

fn reference(given: &str) -> Result<&str, Refusal> {
    let detail =
        "The reference in the path must have 1 to 64 characters of A to Z, a to z, 0 to 9, point, hyphen and underscore.";
    records::is_reference(given).then_some(given).ok_or_else(|| Refusal::new(Code::ValueInvalid, detail))
}

fn host(given: &str) -> Result<String, Refusal> {
    let detail = "The site in the path must be a host name, such as acme.cloud.example.";
    site_host(given).ok_or_else(|| Refusal::new(Code::ValueInvalid, detail))
}

/// Reads a support entitlement number from a path.
pub(crate) fn sen(given: &str) -> Result<Sen, Refusal> {
    given.parse().map_err(|_| Refusal::new(Code::ValueInvalid, desk::NOT_A_SEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "acme.cloud.example";

    fn decided(body: &str, before: Option<&Site>) -> Result<Decision<Site>, Code> {
        let body = desk::site(body.as_bytes()).unwrap();
        decide(&body, before, |request, before, faults| request.check(HOST, before, faults)).map_err(|refusal| refusal.code())
    }

    fn body(organization: &str, version: &str) -> String {
        let contact = r#"{"role": "admin", "name": "Adam", "email": "adam@acme.example"}"#;
        format!(r#"{{"organization": "{organization}", "contacts": [{contact}], "version": {version}}}"#)
    }

    fn written(decision: Result<Decision<Site>, Code>) -> Site {
        match decision {
            Ok(Decision::Write(site)) => site,
            Ok(Decision::Keep(_)) => panic!("it is a change"),
            Err(code) => panic!("refused: {code}"),
        }
    }

    #[test]
    fn the_same_record_is_no_change_whichever_version_was_read() {
        let first = written(decided(&body("Acme", "0"), None));
        assert_eq!(first.version, 1);
        for version in ["null", "0", "1"] {
            assert!(
                matches!(decided(&body("Acme", version), Some(&first)), Ok(Decision::Keep(site)) if site == first),
                "{version}"
            );
        }
    }

    #[test]
    fn r118_a_reason_alone_is_no_change() {
        let first = written(decided(&body("Acme", "null"), None));
        let again = body("Acme", r#"1, "reason": "Looked at again.""#);
        assert!(matches!(decided(&again, Some(&first)), Ok(Decision::Keep(site)) if site == first));
    }

    #[test]
    fn a_change_to_a_record_that_changed_since_it_was_read_is_refused() {
        let first = written(decided(&body("Acme", "null"), None));
        for version in ["null", "1"] {
            assert_eq!(written(decided(&body("Acme Inc.", version), Some(&first))).version, 2, "{version}");
        }
        for version in ["0", "2"] {
            let refused = decided(&body("Acme Inc.", version), Some(&first)).err();
            assert_eq!(refused, Some(Code::RecordChanged), "{version}");
        }
        assert_eq!(decided(&body("Acme", "1"), None).err(), Some(Code::RecordChanged), "the record does not exist");
    }
}
