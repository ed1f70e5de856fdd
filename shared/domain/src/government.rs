//! The rules of government products: who may sell them (R39, R101), who may buy them (R102), and that an end customer has
//! at most one subscription to each (R106).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    Policy, Sen,
    channel::ChannelStatus,
    license::Entitlement,
    name::LegalName,
    policy::{Deployment, Product},
    price::{ClaimStanding, Line, SegmentClaim},
};

/// The segment that buyers of government products must belong to (R102).
const GOVERNMENT: &str = "government";

/// An end customer's one subscription to a government product (R106).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernmentSubscription {
    /// The product's id.
    pub product: String,
    /// The end customer's legal name.
    pub licensee: String,
    /// The subscription.
    pub sen: Sen,
    /// The first day that it does not cover.
    pub end: Date,
}

impl GovernmentSubscription {
    /// The government subscription of an entitlement; `None` when its product is not a government product.
    pub fn of(entitlement: &Entitlement, policy: &Policy) -> Option<Self> {
        let product = policy.product(&entitlement.product).filter(|product| is_government(product))?;
        let (licensee, sen) = (entitlement.licensee.clone(), entitlement.sen.clone());
        Some(Self { product: product.id.clone(), licensee, sen, end: entitlement.end()? })
    }

    /// Whether the subscription covers this product for this licensee on a day.
    pub(crate) fn covers(&self, product: &str, licensee: &str, day: Date) -> bool {
        self.product == product && self.end > day && LegalName::new(&self.licensee) == LegalName::new(licensee)
    }

    /// Whether both have the same customer and product, so that only one of them may exist (R106).
    pub fn excludes(&self, other: &Self) -> bool {
        self.product == other.product && LegalName::new(&self.licensee) == LegalName::new(&other.licensee)
    }
}

/// Whether a product is a government product.
pub(crate) fn is_government(product: &Product) -> bool {
    product.deployment == Deployment::GovernmentCloud
}

/// Whether a seller is appointed to sell a government product (R39, R101).
pub(crate) fn may_be_sold_by(channel: &ChannelStatus, product: &Product, policy: &Policy) -> bool {
    let programme = match channel {
        ChannelStatus::Unaffiliated => None,
        ChannelStatus::Member { programme, .. } => policy.programme(programme),
    };
    programme.is_some_and(|programme| programme.government_families.contains(&product.family))
}

/// Whether a line is for a government product, and no claim proves that the end customer is a government customer (R102).
pub(crate) fn is_unverified(lines: &[Line], segments: &[SegmentClaim]) -> bool {
    let proven = |claim: &SegmentClaim| claim.segment == GOVERNMENT && claim.standing == ClaimStanding::Proven;
    lines.iter().any(|line| line.deployment == Deployment::GovernmentCloud) && !segments.iter().any(proven)
}
