//! Resellers and their standing with the vendor: anyone may buy for anyone, and members of a programme pay less (R1–R4).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::policy::Period;

/// A seller's standing, frozen when a quote is issued (R4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelStatus {
    /// No programme: no discount (R2, R55).
    #[default]
    Unaffiliated,
    /// A member of a programme.
    Member {
        /// The organisation, as the issuer of its tokens names it.
        organization: String,
        /// The programme's id.
        programme: String,
        /// Its tier in the programme, if that has tiers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<String>,
    },
}

impl ChannelStatus {
    /// The name on the wire: `unaffiliated`, or the programme's id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unaffiliated => "unaffiliated",
            Self::Member { programme, .. } => programme,
        }
    }

    /// The member organisation.
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
    /// The organisation, as the issuer of its tokens names it; compared without regard to case.
    pub organization: String,
    /// Of the stored record.
    pub version: u64,
    /// Its legal name.
    pub name: String,
    /// Its memberships, never two on one day.
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
    /// The first day on which it no longer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

impl Membership {
    /// When it counts.
    pub fn period(&self) -> Period {
        Period { from: self.from, until: self.until }
    }
}

impl Partner {
    /// Its standing on a day.
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
