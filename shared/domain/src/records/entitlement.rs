//! Import of licences and subscriptions that were sold before this system. Sellthrough issues no key for them.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::RecordContext;
use crate::{
    Code, Policy, Sen,
    calendar::months_after,
    fault::Faults,
    form::{ContactRequest, contact, date, list, name, optional_text, required, unknown},
    license::{Entitlement, Kind, Statement, kind},
    policy::Product,
};

/// No licence is sold for a longer term. An end further ahead is a typing error.
const LONGEST_MONTHS: u32 = 120;

/// A licence or subscription that was sold before this system, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct EntitlementRequest {
    pub product: Option<String>,
    pub edition: Option<String>,
    pub tier: Option<i64>,
    pub licensee: Option<String>,
    pub technical_contact: ContactRequest,
    pub purchaser: PurchaserRequest,
    pub purchased: Option<String>,
    /// The first day that is not covered: by maintenance for a perpetual licence, by the term otherwise.
    pub end: Option<String>,
}

/// The purchaser, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct PurchaserRequest {
    pub company: Option<String>,
    pub contact: ContactRequest,
    pub organization: Option<String>,
}

impl EntitlementRequest {
    /// The entitlement with the number `sen`, without a key: the customer's own key stays valid. An entitlement that a quote
    /// issued or changed cannot be imported. When `sen` is `None`, its fault was added by the caller, and this function adds
    /// the other faults.
    pub fn check(
        &self,
        sen: Option<&Sen>,
        before: Option<&Entitlement>,
        on: &RecordContext<'_>,
        faults: &mut Faults,
    ) -> Option<Entitlement> {
        if let Some(quote) = before.and_then(|before| before.statement.quote.as_ref()) {
            let detail = format!("Quote {quote} issued or changed this entitlement. An import cannot replace it.");
            faults.add(Code::RecordChanged, "", detail);
            return None;
        }
        let product = self.product(on.policy, faults);
        let tier = product.and_then(|product| self.tier(product, faults));
        let licensee = name(faults, "/licensee", self.licensee.as_deref(), 120);
        let technical_contact = contact(faults, "/technical_contact", &self.technical_contact);
        let purchaser = name(faults, "/purchaser/company", self.purchaser.company.as_deref(), 120);
        let purchaser_contact = contact(faults, "/purchaser/contact", &self.purchaser.contact);
        let organization = optional_text(faults, "/purchaser/organization", self.purchaser.organization.as_deref(), 120);
        let (purchased, end) = self.days(on.today(), faults);

        let (product, end) = (product?, end?);
        let kind = kind(product.deployment);
        let (maintenance_end, term_end) = if kind == Kind::Perpetual { (Some(end), None) } else { (None, Some(end)) };
        let organization = organization?;
        Some(Entitlement {
            sen: sen?.clone(),
            version: before.map_or(0, |before| before.version),
            kind,
            product: product.id.clone(),
            // A second import keeps the name of the first one, even if the product's name has changed since.
            product_name: before
                .filter(|before| before.product == product.id)
                .map_or_else(|| product.name.clone(), |before| before.product_name.clone()),
            licensee: licensee?,
            technical_contact: technical_contact?,
            statement: Statement {
                quote: None,
                line: 0,
                edition: self.edition.clone(),
                tier: tier?,
                purchaser: purchaser?,
                purchaser_contact: purchaser_contact?,
                organization: organization.clone(),
                partner: organization,
                purchased: purchased?,
                maintenance_end,
                term_end,
                discount: before.and_then(|before| before.statement.discount),
                next: None,
                issued_at: before.map_or(on.at, |before| before.statement.issued_at),
                file: None,
            },
            refunded_by: before.and_then(|before| before.refunded_by.clone()),
            migrated_by: before.and_then(|before| before.migrated_by.clone()),
            earlier: Vec::new(),
        })
    }

    /// The product, after a check that the edition belongs to it.
    fn product<'p>(&self, policy: &'p Policy, faults: &mut Faults) -> Option<&'p Product> {
        let Some(id) = &self.product else { return required(faults, "/product") };
        let Some(product) = policy.product(id) else {
            let detail =
                "The policy has no such product. Keep products that are no longer sold in the policy, with `sale_until`.";
            faults.add(Code::ProductUnknown, "/product", detail);
            return None;
        };
        let editions = || product.editions.iter().map(|edition| &*edition.id);
        match &self.edition {
            edition if product.rank(edition.as_deref()).is_some() => return Some(product),
            None => {
                let detail = format!("{} has editions. Choose one of: {}.", product.name, list(editions()));
                faults.add_allowing(Code::Required, "/edition", detail, editions());
            }
            Some(_) if product.editions.is_empty() => {
                faults.add(Code::NotExpected, "/edition", format!("{} has no editions. Leave the edition out.", product.name));
            }
            Some(_) => unknown(faults, Code::EditionUnknown, "/edition".to_owned(), "edition of the product", editions()),
        }
        None
    }

    /// The tier, which must be in a price book of the product, in any currency and of any time.
    fn tier(&self, product: &Product, faults: &mut Faults) -> Option<u32> {
        let Some(given) = self.tier else { return required(faults, "/tier") };
        let Some(users) = u32::try_from(given).ok().filter(|users| *users > 0) else {
            faults.add(
                Code::QuantityInvalid,
                "/tier",
                "This is not a number of users. Write the highest number that the licence allows, 1 or more.",
            );
            return None;
        };
        let books = || product.books.iter().filter(|book| book.edition == self.edition);
        if books().any(|book| book.table.tier(users).is_some_and(|(tier, _)| tier == users)) {
            return Some(users);
        }
        let tiers: BTreeSet<u32> = books().flat_map(|book| book.table.tiers()).map(|(tier, _)| tier).collect();
        let detail = format!("{} has no such tier. Choose one of: {}.", product.name, list(&tiers));
        faults.add_allowing(Code::NoTierForQuantity, "/tier", detail, tiers.iter().map(u32::to_string));
        None
    }

    fn days(&self, today: Date, faults: &mut Faults) -> (Option<Date>, Option<Date>) {
        let purchased = date(faults, "/purchased", self.purchased.as_deref());
        let end = date(faults, "/end", self.end.as_deref());
        if purchased.is_some_and(|purchased| purchased > today) {
            faults.add(
                Code::ValueInvalid,
                "/purchased",
                "This day is in the future. Record the day of the sale, or sell with a quote.",
            );
        }
        if purchased.zip(end).is_some_and(|(purchased, end)| end <= purchased) {
            faults.add(
                Code::ValueInvalid,
                "/end",
                "This is the first day that is not covered. It must be later than `purchased`.",
            );
        } else if end.is_some_and(|end| end > months_after(today, LONGEST_MONTHS)) {
            faults.add(Code::ValueInvalid, "/end", "This is more than ten years ahead. Check the year.");
        }
        (purchased, end)
    }
}
