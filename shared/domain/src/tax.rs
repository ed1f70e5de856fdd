//! Taxes on a quote, by whatever knows them: [`Taxes`] is the seam, and the vendor's own tables are what stands behind
//! it here. No rate is ours.

use jiff::civil::Date;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::VAT_ID,
    money::Percent,
    party::Address,
    policy::{Situs, TaxTable},
};

/// One tax on one base (R92): rounded once per tax and document (facts 2.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// Where it is due: ISO 3166 country or subdivision.
    pub jurisdiction: String,
    /// What it is called there.
    pub name: String,
    /// Its rate.
    pub rate: Percent,
    /// What it is computed on, in minor units.
    pub base: i64,
    /// The tax, in minor units.
    pub amount: i64,
}

/// What is sold, to whom, as far as tax wants to know.
#[derive(Debug, Clone, Copy)]
pub struct Sale<'s> {
    /// The day.
    pub on: Date,
    /// The billing contact's address (R89).
    pub billing: &'s Address,
    /// The end customer's address.
    pub customer: &'s Address,
    /// The buyer's certificates that count on that day.
    pub claims: &'s [TaxClaim],
    /// Net amounts in minor units, with the tax category of each.
    pub amounts: &'s [(&'s str, i64)],
}

/// A verified certificate, as it stood at issue (R91).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxClaim {
    /// `vat_id`, or a kind of the vendor's tax policy.
    pub kind: String,
    /// The certificate's number, as documents must show it.
    pub number: String,
    /// Where it counts: ISO 3166-1.
    pub country: String,
    /// Where in the country, when not everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Whose address decided (R90).
    pub situs: Situs,
    /// The taxes.
    pub taxes: Vec<TaxLine>,
    /// What documents must say about them, or about there being none.
    pub notes: Vec<TaxNote>,
}

/// A legal note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxNote {
    /// The kind of certificate: `vat_id` for a reverse charge.
    pub kind: String,
    /// The key of its text.
    pub text: String,
    /// The certificate's number.
    pub number: String,
}

/// Whoever knows the taxes on a sale: the vendor's tables, or an engine of somebody else's.
pub trait Taxes {
    /// The taxes on a sale. The same sale is assessed the same, however often it is asked.
    fn assess(&self, sale: &Sale<'_>) -> Assessment;
}

/// The key of the note that an invoice without tax must carry where the customer owes it (facts 2.10).
const REVERSE_CHARGE_NOTE: &str = "tax.note.reverse_charge";

impl Taxes for TaxTable {
    fn assess(&self, sale: &Sale<'_>) -> Assessment {
        let situs = self.country(&sale.billing.country).situs;
        let place = match situs {
            Situs::BillingContact => sale.billing,
            Situs::TechnicalContact | Situs::SoldTo => sale.customer,
        };
        if let Some(note) = sale.claims.iter().find_map(|claim| self.frees(claim, place)) {
            return Assessment { situs, taxes: Vec::new(), notes: vec![note] };
        }
        Assessment { situs, taxes: self.taxes(sale, place), notes: Vec::new() }
    }
}

impl TaxTable {
    /// The note of a claim that frees from tax in a place.
    fn frees(&self, claim: &TaxClaim, place: &Address) -> Option<TaxNote> {
        let counts_here = claim.country == place.country && (claim.region.is_none() || claim.region == place.region);
        let text = if claim.kind == VAT_ID {
            self.reverse_charge.contains(&place.country).then_some(REVERSE_CHARGE_NOTE)
        } else {
            let exemption = self.exemptions.iter().find(|exemption| exemption.kind == claim.kind)?;
            exemption.countries.contains(&place.country).then_some(&*exemption.note)
        };
        let text = text.filter(|_| counts_here)?;
        Some(TaxNote { kind: claim.kind.clone(), text: text.to_owned(), number: claim.number.clone() })
    }

    /// Each tax once, on the sum of what it is on: never line by line (E20, E22).
    fn taxes(&self, sale: &Sale<'_>, place: &Address) -> Vec<TaxLine> {
        let tie = self.country(&place.country).tie;
        let mut bases: Vec<(&str, i64)> = Vec::new();
        for &(category, amount) in sale.amounts {
            match bases.iter_mut().find(|(known, _)| *known == category) {
                Some((_, base)) => *base += amount,
                None => bases.push((category, amount)),
            }
        }
        let mut taxes: Vec<TaxLine> = Vec::new();
        for (category, base) in bases {
            for rate in self.at(&place.country, place.region.as_deref(), category, sale.on) {
                let same = |tax: &&mut TaxLine| {
                    (&*tax.jurisdiction, &*tax.name, tax.rate) == (rate.jurisdiction(), &*rate.name, rate.percent)
                };
                match taxes.iter_mut().find(same) {
                    Some(tax) => tax.base += base,
                    None => taxes.push(TaxLine {
                        jurisdiction: rate.jurisdiction().to_owned(),
                        name: rate.name.clone(),
                        rate: rate.percent,
                        base,
                        amount: 0,
                    }),
                }
            }
        }
        for tax in &mut taxes {
            tax.amount = tie.round(tax.rate.share() * Ratio::from(i128::from(tax.base)));
        }
        taxes
    }
}
