//! What the lines of a request are judged with.

use jiff::civil::Date;

use super::facts::Facts;
use crate::{Policy, channel::ChannelStatus, party::Email, price::Basis};

/// What lines are judged with. Without a currency no line has a price, but every other rule is still checked.
pub(super) struct Judging<'j> {
    pub(super) policy: &'j Policy,
    pub(super) facts: &'j Facts,
    pub(super) basis: Option<Basis<'j>>,
    pub(super) today: Date,
    pub(super) channel: &'j ChannelStatus,
    pub(super) resold: bool,
    pub(super) contact: Option<&'j Email>,
    pub(super) licensee: Option<&'j str>,
}
