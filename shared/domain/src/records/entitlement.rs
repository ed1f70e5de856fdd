//! Licences and subscriptions that were sold before this system, brought in without a key.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::RecordContext;
use crate::{
    Code, Policy, Sen,
    calendar::months_after,
    fault::Faults,
    form::{ContactRequest, contact, date, list, optional_text, required, text, unknown},
    license::{Entitlement, Kind, Statement, kind},
    policy::Product,
};

/// No licence is sold for longer: an end further ahead is a typing mistake.
const LONGEST_MONTHS: u32 = 120;

/// A licence or subscription that was sold before, as sent.
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

/// Who bought it, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct PurchaserRequest {
    pub company: Option<String>,
    pub contact: ContactRequest,
    pub organization: Option<String>,
}

impl EntitlementRequest {
    /// The entitlement that was sold before under the number `sen`, without a key: the one that the customer has stays
    /// good. What a quote of ours has issued or changed is no longer the desk's to say. Without a number, which is a fault
    /// that its reader has noted, it says what else is wrong.
    pub fn check(
        &self,
        sen: Option<&Sen>,
        before: Option<&Entitlement>,
        on: &RecordContext<'_>,
        faults: &mut Faults,
    ) -> Option<Entitlement> {
        if let Some(quote) = before.and_then(|before| before.statement.quote.as_ref()) {
            let detail = format!("This number is in quote {quote}, which decides what it is: it cannot be imported over.");
            faults.add(Code::RecordChanged, "", detail);
            return None;
        }
        let product = self.product(on.policy, faults);
        let tier = product.and_then(|product| self.tier(product, faults));
        let licensee = text(faults, "/licensee", self.licensee.as_deref(), 120);
        let technical_contact = contact(faults, "/technical_contact", &self.technical_contact);
        let purchaser = text(faults, "/purchaser/company", self.purchaser.company.as_deref(), 120);
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
            // The name when it was sold, even if the vendor calls it otherwise when it is imported again.
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

    /// The product, of which the edition is one.
    fn product<'p>(&self, policy: &'p Policy, faults: &mut Faults) -> Option<&'p Product> {
        let Some(id) = &self.product else { return required(faults, "/product") };
        let Some(product) = policy.product(id) else {
            let detail = "No product of this name is in the policy. What is no longer sold stays there, with `sale_until`.";
            faults.add(Code::ProductUnknown, "/product", detail);
            return None;
        };
        let editions = || product.editions.iter().map(|edition| &*edition.id);
        match &self.edition {
            edition if product.rank(edition.as_deref()).is_some() => return Some(product),
            None => faults.add(Code::Required, "/edition", format!("{} has editions: {}.", product.name, list(editions()))),
            Some(_) if product.editions.is_empty() => {
                faults.add(Code::NotExpected, "/edition", format!("{} has no editions: leave it out.", product.name));
            }
            Some(_) => unknown(faults, Code::EditionUnknown, "/edition".to_owned(), "edition of the product", editions()),
        }
        None
    }

    /// A tier of some price book of the product, in whatever currency and however long ago.
    fn tier(&self, product: &Product, faults: &mut Faults) -> Option<u32> {
        let Some(given) = self.tier else { return required(faults, "/tier") };
        let Some(users) = u32::try_from(given).ok().filter(|users| *users > 0) else {
            faults.add(Code::QuantityInvalid, "/tier", "Give the most users that it allows: a positive number.");
            return None;
        };
        let books = || product.books.iter().filter(|book| book.edition == self.edition);
        if books().any(|book| book.table.tier(users).is_some_and(|(tier, _)| tier == users)) {
            return Some(users);
        }
        let tiers: BTreeSet<u32> = books().flat_map(|book| book.table.tiers()).map(|(tier, _)| tier).collect();
        let detail = format!("{} is not sold by this tier. There are: {}.", product.name, list(tiers));
        faults.add(Code::NoTierForQuantity, "/tier", detail);
        None
    }

    fn days(&self, today: Date, faults: &mut Faults) -> (Option<Date>, Option<Date>) {
        let purchased = date(faults, "/purchased", self.purchased.as_deref());
        let end = date(faults, "/end", self.end.as_deref());
        if purchased.is_some_and(|purchased| purchased > today) {
            faults.add(Code::ValueInvalid, "/purchased", "This day is yet to come. Sell by a quote what is not sold yet.");
        }
        if purchased.zip(end).is_some_and(|(purchased, end)| end <= purchased) {
            faults.add(
                Code::ValueInvalid,
                "/end",
                "This is the first day that is not covered: it must be later than `purchased`.",
            );
        } else if end.is_some_and(|end| end > months_after(today, LONGEST_MONTHS)) {
            faults.add(Code::ValueInvalid, "/end", "This is more than ten years ahead: check the year.");
        }
        (purchased, end)
    }
}
