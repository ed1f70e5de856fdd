//! `POST /v1/entitlements/lookup`: the entitlements of a customer, and what can be ordered for them.

use std::{sync::Arc, time::Duration};

use axum::{Json, body::Bytes, extract::State, response::IntoResponse};
use contract::lookup::{FoundView, LookupBody, LookupView, Subject};
use domain::{
    Code, Refusal,
    calendar::day_of,
    channel::ChannelStatus,
    license::Entitlement,
    request::{Wanted, knows},
    targets::targets,
};
use runtime::{Reply, SourceIp, authority::Buyer};
use tokio::time::Instant;

use crate::state::Quotes;

/// The shortest duration of a response that finds nothing. It is longer than reading an entitlement of another customer, so that
/// the duration does not reveal whether an entitlement exists.
const NOTHING_FOUND_AFTER: Duration = Duration::from_millis(100);

/// `POST /v1/entitlements/lookup` — R12, R28–R31. Unknown and mismatched entitlements get the same response after the same duration.
pub(crate) async fn lookup(buyer: Buyer, State(quotes): State<Arc<Quotes>>, ip: SourceIp, body: Bytes) -> Reply {
    let started = Instant::now();
    let caller = buyer.caller();
    let body = LookupBody::read(&body)?;
    let policy = quotes.policies.current().await?;
    if !policy.currencies().contains(&body.currency) {
        let offered: Vec<_> = policy.currencies().iter().map(|currency| currency.code()).collect();
        let detail = format!("There are no prices in this currency. Choose one of: {}.", offered.join(", "));
        return Err(Refusal::at(Code::CurrencyNotOffered, "/currency", detail).allowing(offered).into());
    }
    let mut wanted = Wanted::default();
    match body.subject {
        Subject::Sen(sen) => drop(wanted.entitlements.insert(sen)),
        Subject::Site(host) => drop(wanted.sites.insert(host)),
    }
    quotes.admit_question(&wanted, ip, caller).await?;
    let organization = caller.and_then(|caller| caller.organization.as_deref());
    let mut facts = quotes.store.facts(&wanted, organization).await?;
    let site = facts.sites.values().next().filter(|site| site.authorizes(&body.email)).cloned();
    if let Some(site) = &site {
        // Only for a contact of the site, so that other callers cannot measure the duration.
        let theirs = Wanted { entitlements: site.entitlements.iter().cloned().collect(), ..Wanted::default() };
        facts.entitlements = quotes.store.facts(&theirs, None).await?.entitlements;
    }
    let known: Vec<_> =
        facts.entitlements.values().filter(|entitlement| knows(entitlement, &body.email, site.as_ref(), &policy)).collect();
    if known.is_empty() {
        tokio::time::sleep_until(started + NOTHING_FOUND_AFTER).await;
        let detail =
            "No such entitlement belongs to this contact. Check the number or the site, and the contact's e-mail address.";
        return Err(Refusal::new(Code::EntitlementNotMatched, detail).into());
    }
    let today = day_of(quotes.clock.now(), &policy.timezone);
    let channel = facts.partner.as_ref().map_or(ChannelStatus::Unaffiliated, |partner| partner.status(today));
    let found: Vec<(&Entitlement, _)> =
        known.into_iter().map(|it| (it, targets(it, &channel, body.currency, &policy, today))).collect();
    let entitlements = found.iter().map(|(entitlement, targets)| FoundView::of(entitlement, targets)).collect();
    Ok(Json(LookupView { currency: body.currency.code(), entitlements }).into_response())
}
