//! Reads `vendor.toml`: the seller and the general terms.

use std::{collections::BTreeMap, ops::RangeInclusive};

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
    printing::characters,
};

const ROUNDINGS: [(&str, Rounding); 2] = [("P-MINOR", Rounding::Minor), ("P-WHOLE", Rounding::Whole)];

/// The accent of a vendor that chooses none.
const ACCENT: &str = "#0f5c6e";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeller {
    legal_name: Text,
    registration: Option<Text>,
    tax_id: Text,
    address: Texts,
    email: Text,
    reply_to: Option<Text>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBrand {
    accent: Option<Text>,
    #[serde(default)]
    printable: Vec<Text>,
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
    pub(super) brand: Option<Brand>,
}

/// How documents and letters look.
pub(super) struct Brand {
    pub(super) accent: String,
    pub(super) printable: Vec<RangeInclusive<char>>,
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
        let brand = match file.contains("brand") {
            true => self.section_if_there(&mut file, "brand").and_then(|raw| self.brand(raw)),
            false => Some(Brand { accent: ACCENT.to_owned(), printable: Vec::new() }),
        };
        self.close(file);
        Some(Vendor { seller, quote, terms, reseller_agreement, invoice_series, review, default_language, brand })
    }

    fn seller(&mut self, raw: RawSeller) -> Option<Seller> {
        let legal_name = self.text(VENDOR, raw.legal_name, "legal name");
        let registration = raw.registration.and_then(|registration| self.text(VENDOR, registration, "registration"));
        let tax_id = self.text(VENDOR, raw.tax_id, "tax id");
        let support_url = self.text(VENDOR, raw.support_url, "support address");
        let email = self.email(&raw.email, "the sender's address of letters");
        let reply_to = raw.reply_to.and_then(|reply_to| self.email(&reply_to, "the address that replies go to"));
        self.not_empty(VENDOR, &raw.address, "add the seller's address, which documents must show");
        let address = raw.address.into_inner().into_iter().filter_map(|line| self.text(VENDOR, line, "line of the address"));
        let address = address.collect();
        let (legal_name, tax_id, email, support_url) = (legal_name?, tax_id?, email?, support_url?);
        Some(Seller { legal_name, registration, tax_id, address, email, reply_to, support_url })
    }

    fn email(&mut self, raw: &Text, what: &str) -> Option<Email> {
        let email = Email::parse(raw.get_ref());
        if email.is_none() {
            self.mistake(VENDOR, Some(raw.span()), format!("this is not an e-mail address: write {what}"));
        }
        email
    }

    fn brand(&mut self, raw: RawBrand) -> Option<Brand> {
        let accent = match raw.accent {
            Some(accent) => self.colour(accent),
            None => Some(ACCENT.to_owned()),
        };
        let mut printable = Vec::new();
        for written in raw.printable {
            match characters(written.get_ref()) {
                Some(characters) => printable.push(characters),
                None => {
                    let what = format!("`{}` is no range of characters: write one such as U+0980-09FF", written.get_ref());
                    self.mistake(VENDOR, Some(written.span()), what);
                }
            }
        }
        Some(Brand { accent: accent?, printable })
    }

    /// A colour that white text can be read on. Documents and letters have such text on their button.
    fn colour(&mut self, raw: Text) -> Option<String> {
        let channel = |at: usize| u32::from_str_radix(raw.get_ref().get(at..at + 2)?, 16).ok();
        let hexadecimal = raw.get_ref().len() == 7 && raw.get_ref().bytes().skip(1).all(|byte| byte.is_ascii_hexdigit());
        let channels = raw.get_ref().starts_with('#').then(|| Some((channel(1)?, channel(3)?, channel(5)?))).flatten();
        let Some((red, green, blue)) = channels.filter(|_| hexadecimal) else {
            self.mistake(VENDOR, Some(raw.span()), "this is not a colour: write one such as #0f5c6e");
            return None;
        };
        // Brightness by the weights of ITU-R BT.601, from 0 to 255,000. Below 125,000, white has enough contrast.
        if 299 * red + 587 * green + 114 * blue > 125_000 {
            self.mistake(VENDOR, Some(raw.span()), "white text cannot be read on this colour: choose a darker one");
            return None;
        }
        Some(raw.into_inner())
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
