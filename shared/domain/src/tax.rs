//! Taxes on a quote. [`Taxes`] is the interface to whatever computes them; the implementation here uses the vendor's own
//! tables. Sellthrough supplies no tax rates.

use jiff::civil::Date;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::{TaxCertificate, VAT_ID},
    money::Percent,
    party::Address,
    policy::{Situs, TaxTable},
};

/// One tax on one base (R92): rounded once per tax and document (facts 2.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// Where the tax is due: ISO 3166 country or subdivision.
    pub jurisdiction: String,
    /// The name of the tax.
    pub name: String,
    /// Its rate.
    pub rate: Percent,
    /// The taxed amount, in minor units.
    pub base: i64,
    /// The tax, in minor units.
    pub amount: i64,
}

/// The facts about a sale that its taxes depend on.
#[derive(Debug, Clone, Copy)]
pub struct Sale<'s> {
    /// The day.
    pub on: Date,
    /// The billing contact's address (R89).
    pub billing: &'s Address,
    /// The end customer's address.
    pub customer: &'s Address,
    /// The buyer's certificates that are valid on that day.
    pub claims: &'s [TaxClaim],
    /// Net amounts in minor units, with the tax category of each.
    pub amounts: &'s [(&'s str, i64)],
}

/// A verified certificate, as it was at issue (R91).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxClaim {
    /// `vat_id`, or a kind of the vendor's tax policy.
    pub kind: String,
    /// The certificate's number, as documents must show it.
    pub number: String,
    /// The country in which it is valid: ISO 3166-1.
    pub country: String,
    /// The subdivision, if it is not valid in the whole country: ISO 3166-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl TaxClaim {
    /// Whether the claim was made with this certificate.
    pub(crate) fn is_from(&self, certificate: &TaxCertificate) -> bool {
        (&self.kind, &self.number) == (&certificate.kind, &certificate.number)
    }
}

/// The taxes on a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Whose address determined the taxes (R90).
    pub situs: Situs,
    /// The taxes.
    pub taxes: Vec<TaxLine>,
    /// Notes that documents must show about the taxes or about the exemption.
    pub notes: Vec<TaxNote>,
}

/// A legal note about an exemption or a reverse charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxNote {
    /// The kind of certificate: `vat_id` for a reverse charge.
    pub kind: String,
    /// The key of the note's text.
    pub text: String,
    /// The certificate's number.
    pub number: String,
}

/// Computes the taxes on a sale: the vendor's tables, or another company's tax engine.
pub trait Taxes {
    /// The taxes on a sale. The same sale always has the same result.
    fn assess(&self, sale: &Sale<'_>) -> Assessment;
}

/// The key of the note that an invoice without tax must show when the customer is liable for the tax (facts 2.10).
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
    /// The note of a claim that exempts from tax in a place; `None` when the claim does not apply there.
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

    /// Computes each tax once, on the sum of the amounts that it applies to, never line by line (E20, E22).
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
