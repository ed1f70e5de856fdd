//! `infra/aws/prices.toml`: what AWS asks for, and what is assumed where nothing can be counted.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::{account::Fault, figures::grouped};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceList {
    pub(crate) as_of: String,
    pub(crate) region: String,
    used: BTreeMap<Used, Price>,
    there: BTreeMap<There, Price>,
    pub(crate) assumed: Assumed,
}

/// What is paid for by use. In the order of the bill: mail first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Used {
    Letters,
    Attachments,
    Requests,
    Invocations,
    GigabyteSeconds,
    Writes,
    Reads,
    Signatures,
    SecretReads,
    Logs,
    Internet,
}

impl Used {
    /// Whether SES asks for it.
    pub(crate) fn is_mail(self) -> bool {
        matches!(self, Self::Letters | Self::Attachments)
    }

    /// Whether it is part of what something costs, and not told beside it.
    pub(crate) fn counts(self) -> bool {
        self != Self::Internet
    }
}

/// What is paid for by the month, used or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum There {
    Secrets,
    Keys,
    Alarms,
    Dashboards,
    LogMetrics,
    RouteMetrics,
    Table,
    Backups,
}

/// So many US dollars for so many units: used, or kept for a month.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    pub(crate) unit: String,
    pub(crate) usd: Decimal,
    pub(crate) per: Decimal,
    pub(crate) page: String,
}

/// What cannot be counted here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assumed {
    pub(crate) megabytes_per_processor: Decimal,
    pub(crate) starts_per_hundred: Decimal,
    pub(crate) log_bytes_per_invocation: Decimal,
    pub(crate) log_bytes_per_request: Decimal,
    pub(crate) dynamodb_ms: Decimal,
    pub(crate) kms_ms: Decimal,
    pub(crate) ses_ms: Decimal,
    functions: BTreeMap<String, Work>,
}

/// What a function does by itself, in milliseconds of a whole processor, and how many secrets it reads at a start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Work {
    pub(crate) warm_ms: Decimal,
    pub(crate) start_ms: Decimal,
    pub(crate) secrets: Decimal,
}

impl Price {
    /// US dollars for so many units.
    pub(crate) fn times(&self, amount: Decimal) -> Decimal {
        amount * self.usd / self.per
    }

    /// The cells of a table's row about so many units, but the cost.
    pub(crate) fn cells(&self, amount: Decimal) -> String {
        let per = if self.per == Decimal::ONE { String::new() } else { format!(" for {}", grouped(self.per)) };
        format!("| {} | [{}]({}) | {}{per} |", grouped(amount), self.unit, self.page, self.usd)
    }
}

impl PriceList {
    pub(crate) fn read() -> Result<Self, Fault> {
        Ok(toml::from_str(include_str!("../../../infra/aws/prices.toml"))?)
    }

    pub(crate) fn of(&self, used: Used) -> Result<&Price, Fault> {
        self.used.get(&used).ok_or_else(|| format!("infra/aws/prices.toml has no price of {used:?}").into())
    }

    pub(crate) fn monthly(&self, there: There) -> Result<&Price, Fault> {
        self.there.get(&there).ok_or_else(|| format!("infra/aws/prices.toml has no price of {there:?}").into())
    }
}

impl Assumed {
    pub(crate) fn work(&self, function: &str) -> Result<&Work, Fault> {
        self.functions.get(function).ok_or_else(|| format!("infra/aws/prices.toml assumes nothing of {function}").into())
    }
}
