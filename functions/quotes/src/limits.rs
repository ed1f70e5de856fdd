//! How often anybody may ask about what is on record: a SEN and an address are proof of knowledge, so nobody may try many (R28), and nor
//! may anybody try references of evidence or certificates.

use domain::{Code, Refusal};
use jiff::{SignedDuration, Timestamp};
use runtime::{Reply, SourceIp, identity::Caller};

use crate::Quotes;

/// A window of counting.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// How often one thing may be named in a window, and how many one address and one caller may name: an order of a hundred
/// renewals is possible twice.
const PER_NAME: u32 = 20;
const PER_ADDRESS: u32 = 200;
const PER_CALLER: u32 = 400;

impl Quotes {
    /// Counts a question about everything that is named, each of it; nothing is no question. It is counted whether or not
    /// there are such things, so that the limit tells nothing either.
    pub(crate) async fn admit(&self, names: &[String], ip: SourceIp, caller: Option<&Caller>) -> Reply<()> {
        if names.is_empty() {
            return Ok(());
        }
        let all = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let (window, until) = window(self.clock.now());
        let address = ip.0.map(|ip| ("address", ip.to_string(), all, PER_ADDRESS));
        let person = caller.map(|caller| ("caller", caller.subject.clone(), all, PER_CALLER));
        let about = names.iter().map(|name| ("name", name.clone(), 1, PER_NAME));
        for (what, whom, uses, most) in address.into_iter().chain(person).chain(about) {
            // An address is a person's: what is stored of it is a keyed hash, for minutes.
            let bucket = format!("{what}#{}#{window}", self.minter.seal(what, &whom));
            if !self.store.allow(&bucket, uses, most, until).await? {
                let detail = "You have named too many entitlements or references. Wait a minute, and ask again.";
                return Err(Refusal::new(Code::TooManyRequests, detail).into());
            }
        }
        Ok(())
    }
}

/// The number of the window that an instant is in, and when its counters may be forgotten: the same for the whole window.
fn window(now: Timestamp) -> (i64, Timestamp) {
    let number = now.as_second().div_euclid(WINDOW.as_secs());
    let forgotten = (number + 2).saturating_mul(WINDOW.as_secs());
    (number, Timestamp::from_second(forgotten).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r28_everything_in_a_window_is_counted_together_and_kept_until_it_is_over() {
        let at = |text: &str| window(text.parse().expect("an instant"));
        let first = at("2026-11-22T10:00:00Z");
        assert_eq!(at("2026-11-22T10:00:59.999Z"), first);
        assert_ne!(at("2026-11-22T10:01:00Z").0, first.0);
        assert_eq!(first.1, "2026-11-22T10:02:00Z".parse().expect("an instant"));
    }
}
