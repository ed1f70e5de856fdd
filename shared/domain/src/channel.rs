//! Resellers and their standing in the vendor's channel. Anyone may buy for anyone; members of a programme get a discount
//! (R1–R4).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::policy::Period;

/// A seller's standing, frozen when a quote is issued (R4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelStatus {
    /// Not in a programme: no discount (R2, R55).
    #[default]
    Unaffiliated,
    /// A member of a programme.
    Member {
        /// The organisation, as the issuer of its tokens names it.
        organization: String,
        /// The programme's id.
        programme: String,
        /// The tier in the programme, if the programme has tiers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<String>,
    },
}

impl ChannelStatus {
    /// The name in the API: `unaffiliated`, or the programme's id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unaffiliated => "unaffiliated",
            Self::Member { programme, .. } => programme,
        }
    }

    /// The member organisation; `None` when unaffiliated.
    pub fn organization(&self) -> Option<&str> {
        match self {
            Self::Unaffiliated => None,
            Self::Member { organization, .. } => Some(organization),
        }
    }
}

/// An organisation that the vendor has enrolled (R4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// The organisation, as the issuer of its tokens names it; compared without case.
    pub organization: String,
    /// The version of the stored record.
    pub version: u64,
    /// Its legal name.
    pub name: String,
    /// Its memberships: at most one on any day.
    pub memberships: Vec<Membership>,
}

/// A membership of a programme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The programme's id.
    pub programme: String,
    /// The tier, if the programme has tiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// The first day.
    pub from: Date,
    /// The first day after the membership; `None` when it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

impl Membership {
    /// The days of the membership.
    pub fn period(&self) -> Period {
        Period { from: self.from, until: self.until }
    }
}

impl Partner {
    /// The standing on a day.
    pub fn status(&self, day: Date) -> ChannelStatus {
        match self.memberships.iter().find(|membership| membership.period().holds(day)) {
            None => ChannelStatus::Unaffiliated,
            Some(membership) => ChannelStatus::Member {
                organization: self.organization.clone(),
                programme: membership.programme.clone(),
                tier: membership.tier.clone(),
            },
        }
    }
}
