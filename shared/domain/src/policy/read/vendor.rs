//! Reads `vendor.toml`: the seller and the general terms.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::{
    files::VENDOR,
    source::Reader,
    values::{Text, Texts},
};
use crate::{
    money::Rounding,
    party::Email,
    policy::{LegalText, ReviewPolicy, Seller},
};

const ROUNDINGS: [(&str, Rounding); 2] = [("P-MINOR", Rounding::Minor), ("P-WHOLE", Rounding::Whole)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeller {
    legal_name: Text,
    tax_id: Text,
    address: Texts,
    email: Text,
    support_url: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuote {
    timezone: Text,
    validity_days: Spanned<i32>,
    rounding: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLegalText {
    version: Text,
    url: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInvoice {
    series: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReview {
    business_days: Spanned<u32>,
    #[serde(default)]
    above: BTreeMap<Text, Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLanguages {
    default: Text,
}

/// The content of `vendor.toml`.
pub(super) struct Vendor {
    pub(super) seller: Option<Seller>,
    pub(super) quote: Option<QuoteTerms>,
    pub(super) terms: Option<LegalText>,
    pub(super) reseller_agreement: Option<LegalText>,
    pub(super) invoice_series: Option<String>,
    pub(super) review: Option<ReviewPolicy>,
    pub(super) default_language: Option<Text>,
}

/// The terms of every quote.
pub(super) struct QuoteTerms {
    pub(super) timezone: TimeZone,
    pub(super) validity_days: i32,
    pub(super) rounding: Rounding,
}

impl Reader<'_> {
    pub(super) fn vendor(&mut self) -> Option<Vendor> {
        let mut file = self.open(VENDOR)?;
        let seller = self.section(&mut file, "seller").and_then(|raw| self.seller(raw));
        let quote = self.section(&mut file, "quote").and_then(|raw| self.quote_terms(&raw));
        let terms = self.section(&mut file, "terms").and_then(|raw| self.legal_text(raw, "terms"));
        let agreement = self.section(&mut file, "reseller_agreement");
        let reseller_agreement = agreement.and_then(|raw| self.legal_text(raw, "reseller agreement"));
        let invoice = self.section::<RawInvoice>(&mut file, "invoice");
        let invoice_series = invoice.and_then(|raw| self.text(VENDOR, raw.series, "invoice series"));
        let review = self.section(&mut file, "review").map(|raw| self.review(&raw));
        let default_language = self.section::<RawLanguages>(&mut file, "languages").map(|raw| raw.default);
        self.close(file);
        Some(Vendor { seller, quote, terms, reseller_agreement, invoice_series, review, default_language })
    }

    fn seller(&mut self, raw: RawSeller) -> Option<Seller> {
        let legal_name = self.text(VENDOR, raw.legal_name, "legal name");
        let tax_id = self.text(VENDOR, raw.tax_id, "tax id");
        let support_url = self.text(VENDOR, raw.support_url, "support address");
        let email = Email::parse(raw.email.get_ref());
        if email.is_none() {
            self.mistake(VENDOR, Some(raw.email.span()), "this is not an e-mail address: write the sender's address of letters");
        }
        self.not_empty(VENDOR, &raw.address, "add the seller's address, which documents must show");
        let address = raw.address.into_inner().into_iter().filter_map(|line| self.text(VENDOR, line, "line of the address"));
        let address = address.collect();
        Some(Seller { legal_name: legal_name?, tax_id: tax_id?, address, email: email?, support_url: support_url? })
    }

    fn quote_terms(&mut self, raw: &RawQuote) -> Option<QuoteTerms> {
        let timezone = TimeZone::get(raw.timezone.get_ref()).ok();
        if timezone.is_none() {
            let name = raw.timezone.get_ref();
            let what = format!("`{name}` is not a time zone of the IANA database: write one such as Europe/Berlin or UTC");
            self.mistake(VENDOR, Some(raw.timezone.span()), what);
        }
        let validity_days = self.within(VENDOR, "days that a quote is valid", &raw.validity_days, 1..=365);
        let rounding = self.one_of(VENDOR, "rounding", &raw.rounding, &ROUNDINGS);
        Some(QuoteTerms { timezone: timezone?, validity_days, rounding: rounding? })
    }

    fn legal_text(&mut self, raw: RawLegalText, what: &str) -> Option<LegalText> {
        let version = self.text(VENDOR, raw.version, &format!("version of the {what}"));
        let url = self.text(VENDOR, raw.url, &format!("address of the {what}"));
        Some(LegalText { version: version?, url: url? })
    }

    fn review(&mut self, raw: &RawReview) -> ReviewPolicy {
        let business_days = self.within(VENDOR, "business days for a review", &raw.business_days, 1..=30);
        ReviewPolicy { business_days, above: self.amounts(VENDOR, &raw.above) }
    }
}
