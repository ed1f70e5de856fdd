//! `POST /v1/entitlements/lookup` and its response (R28, R29).

use domain::{
    Code, Currency, Refusal, Sen,
    evidence::site_host,
    fault::Faults,
    license::{Entitlement, Kind},
    party::Email,
    policy::LineKind,
    targets::Target,
};
use jiff::civil::Date;
use serde::Serialize;

use crate::{quote::ReasonView, reader};

/// A valid lookup: a SEN or a site, with the e-mail address that proves knowledge of it.
#[derive(Debug)]
pub struct LookupBody {
    /// What is looked up.
    pub subject: Subject,
    /// The contact's address.
    pub email: Email,
    /// The currency of the prices.
    pub currency: Currency,
}

/// What is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An entitlement.
    Sen(Sen),
    /// A cloud site, by its host.
    Site(String),
}

impl LookupBody {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Every fault of the body. Only a text that can never be a SEN is a fault here; whether a SEN exists is not checked.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let (read, mut faults) = reader::read(body, |object| {
            (object.text("sen"), object.text("site"), object.text("email"), object.text("currency"))
        })?;
        let (sen, site, email, currency) = read;
        let subject = match (&sen, &site) {
            (Some(sen), None) => match sen.parse() {
                Ok(sen) => Some(Subject::Sen(sen)),
                Err(_) => refused(
                    &mut faults,
                    Code::ValueInvalid,
                    "/sen",
                    "This is not an entitlement number. Check it for typing errors.",
                ),
            },
            (None, Some(site)) => match site_host(site) {
                Some(host) => Some(Subject::Site(host)),
                None => refused(
                    &mut faults,
                    Code::ValueInvalid,
                    "/site",
                    "This is not the host name of a site, such as name.cloud.example.",
                ),
            },
            (None, None) => refused(&mut faults, Code::Required, "/sen", "Give a `sen`, or the `site` of a cloud subscription."),
            (Some(_), Some(_)) => refused(&mut faults, Code::NotExpected, "/site", "Give a `sen` or a `site`, not both."),
        };
        let address = match email.as_deref().map(Email::parse) {
            Some(Some(email)) => Some(email),
            Some(None) => {
                refused(&mut faults, Code::EmailInvalid, "/email", "This is not an e-mail address. Write it as name@example.com.")
            }
            None => refused(&mut faults, Code::Required, "/email", "Give the e-mail address of a contact."),
        };
        let currency = match currency.as_deref().map(str::parse) {
            Some(Ok(currency)) => Some(currency),
            Some(Err(_)) => refused(
                &mut faults,
                Code::CurrencyNotOffered,
                "/currency",
                "This is not a currency code. Give a code of ISO 4217, such as `USD`.",
            ),
            None => refused(&mut faults, Code::Required, "/currency", "Give the currency of the prices, such as `USD`."),
        };
        let body = subject.zip(address).zip(currency).map(|((subject, email), currency)| Self { subject, email, currency });
        faults.into_result(body)
    }
}

fn refused<T>(faults: &mut Faults, code: Code, pointer: &str, detail: &str) -> Option<T> {
    faults.add(code, pointer, detail);
    None
}

/// The entitlements that were found.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LookupView<'e> {
    pub currency: &'static str,
    pub entitlements: Vec<FoundView<'e>>,
}

/// An entitlement, with everything that can be ordered for it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct FoundView<'e> {
    pub sen: &'e Sen,
    /// The end customer, as the licence spells the name.
    pub licensee: &'e str,
    pub kind: Kind,
    pub product: &'e str,
    pub name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<&'e str>,
    pub tier: u32,
    /// The first day that is not covered, by the term or by the maintenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Date>,
    pub targets: Vec<TargetView<'e>>,
}

/// A possible order, with its price before segments and tax, or the reason why it is not available.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TargetView<'e> {
    pub kind: LineKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<&'e str>,
    pub users: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term_months: Option<u32>,
    pub available: bool,
    /// Net, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The first covered day, if it is paid today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<Date>,
    /// The first day that is no longer covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
}

impl<'e> FoundView<'e> {
    /// An entitlement with its targets.
    pub fn of(entitlement: &'e Entitlement, targets: &'e [Target]) -> Self {
        Self {
            sen: &entitlement.sen,
            licensee: &entitlement.licensee,
            kind: entitlement.kind,
            product: &entitlement.product,
            name: &entitlement.product_name,
            edition: entitlement.statement.edition.as_deref(),
            tier: entitlement.statement.tier,
            ends: entitlement.end(),
            targets: targets.iter().map(target).collect(),
        }
    }
}

fn target(target: &Target) -> TargetView<'_> {
    let order = &target.order;
    let line = target.priced.as_ref().ok();
    TargetView {
        kind: order.kind,
        edition: order.edition.as_deref(),
        users: order.users,
        term_months: (order.months > 0).then_some(order.months),
        available: line.is_some(),
        amount: line.map(|line| line.amount),
        starts: line.and_then(|line| line.start),
        ends: line.and_then(|line| line.end),
        reason: target.priced.as_ref().err().map(|no| ReasonView { code: no.code.as_str(), detail: no.detail.clone() }),
    }
}
