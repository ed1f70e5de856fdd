//! Rate limits. A SEN and an e-mail address are proof of knowledge, so callers may not try many of them (R28), nor many references
//! of evidence or certificates. A quote sends a letter in the vendor's name to the given address (R22), so the number of quotes
//! is limited, too.

use std::{net::IpAddr, sync::PoisonError};

use domain::{
    evidence::vat_id,
    party::{Contact, Email},
    request::Wanted,
};
use jiff::{SignedDuration, Timestamp};
use runtime::{Failure, Reply, SourceIp, identity::Caller};

use crate::{idempotency::IdempotencyKey, state::Quotes, tally::Verdict};

/// The window in which lookups are counted together.
const QUESTIONS: SignedDuration = SignedDuration::from_mins(1);
/// How many things one source address and one caller may name. This allows an order of a hundred renewals twice.
const PER_ADDRESS: u32 = 200;
const PER_CALLER: u32 = 400;
/// How often one caller may name the same thing, and how often all callers together may. The second limit is much higher,
/// because reaching it blocks all other callers as well.
const PER_NAME_AND_ASKER: u32 = 20;
const PER_NAME: u32 = 200;

/// The window in which letters are counted together.
const LETTERS: SignedDuration = SignedDuration::from_hours(1);
/// How many quotes anonymous callers may request for one mailbox, and from one source address.
const TO_MAILBOX: u32 = 30;
const FROM_ADDRESS: u32 = 60;
/// How many quotes signed-in callers may request for one mailbox, and one of them in total. The limits are higher, because
/// these callers are identified.
const TO_MAILBOX_SIGNED_IN: u32 = 300;
const BY_CALLER: u32 = 600;
/// How many of each one process admits without a write, so that ordinary quotes cost no additional write. All processes
/// together exceed a limit by at most this number, times the number of processes.
const FEW: u32 = 5;

/// A counter: what is counted, for whom, and the limit.
struct Bucket {
    what: &'static str,
    whom: String,
    uses: u32,
    most: u32,
}

impl Bucket {
    fn new(what: &'static str, whom: impl Into<String>, most: u32) -> Self {
        Self { what, whom: whom.into(), uses: 1, most }
    }
}

impl Quotes {
    /// Counts a request for everything that it names. Names are counted whether or not they exist, so that the limit does not
    /// reveal which of them exist. A request that names nothing is not counted.
    pub(crate) async fn admit_question(&self, wanted: &Wanted, ip: SourceIp, caller: Option<&Caller>) -> Reply<()> {
        let provable = provable(wanted);
        let all = u32::try_from(provable.len() + references(wanted)).unwrap_or(u32::MAX);
        if all == 0 {
            return Ok(());
        }
        let address = ip.0.map(|ip| Bucket { uses: all, ..Bucket::new("address", network(ip), PER_ADDRESS) });
        let person = caller.map(|caller| Bucket { uses: all, ..Bucket::new("caller", &caller.subject, PER_CALLER) });
        let asker = caller.map(|caller| format!("caller {}", caller.subject)).or_else(|| ip.0.map(network));
        let by_asker =
            |name: &String| asker.as_ref().map(|asker| Bucket::new("asker", format!("{name} {asker}"), PER_NAME_AND_ASKER));
        let by_all = |name: &String| Bucket::new("name", name, PER_NAME);
        let about = provable.iter().flat_map(|name| by_asker(name).into_iter().chain([by_all(name)]));
        let window = Window::of(self.clock.now(), QUESTIONS);
        for bucket in address.into_iter().chain(person).chain(about) {
            if !self.store_allows(&bucket, &window).await? {
                let detail =
                    "You have named too many entitlements, sites or references. Wait a minute, and send the request again.";
                return Err(window.too_many(detail));
            }
        }
        Ok(())
    }

    /// Counts a quote that is about to be issued, and whose letter is about to be sent. The first few are counted in this process
    /// only, the others in the table. A key stands for one quote: a repeated request that was admitted here is not counted again.
    pub(crate) async fn admit_letter(
        &self,
        to: &Contact,
        ip: SourceIp,
        caller: Option<&Caller>,
        key: Option<&IdempotencyKey>,
    ) -> Reply<()> {
        let window = Window::of(self.clock.now(), LETTERS);
        let letters = || self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key.map(|key| ("letter", &key.hash));
        if key.is_some_and(|key| letters().has(key, window.number)) {
            return Ok(());
        }
        let mailbox = |what, most| Some(Bucket::new(what, mailbox(&to.email), most));
        // The caller's own limit comes first, so that a caller who has reached it does not use up a mailbox's limit. Signed-in
        // callers are counted separately, so that anonymous requests for their mailbox do not count against them.
        let buckets = match caller {
            // An office of many people may have one source address.
            Some(caller) => [
                Some(Bucket::new("letters_by", &caller.subject, BY_CALLER)),
                mailbox("letters_to_signed_in", TO_MAILBOX_SIGNED_IN),
            ],
            None => [ip.0.map(|ip| Bucket::new("letters_from", network(ip), FROM_ADDRESS)), mailbox("letters_to", TO_MAILBOX)],
        };
        for bucket in buckets.into_iter().flatten() {
            let here = letters().count((bucket.what, &bucket.whom), window.number);
            let allowed = match Verdict::of(here, FEW, bucket.most) {
                Verdict::Admit => true,
                Verdict::Ask => self.store_allows(&bucket, &window).await?,
                Verdict::Refuse => false,
            };
            if !allowed {
                let detail = "Too many quotes were requested within this hour, from this network or for this e-mail address. \
                              Send the request again when the hour is over, or sign in for a higher limit.";
                return Err(window.too_many(detail));
            }
        }
        key.map(|key| letters().count(key, window.number));
        Ok(())
    }

    async fn store_allows(&self, bucket: &Bucket, window: &Window) -> Reply<bool> {
        let name = format!("{}#{}", self.name(bucket), window.number);
        Ok(self.store.allow(&name, bucket.uses, bucket.most, window.forgotten).await?)
    }

    /// A bucket's name. Addresses are personal data: only a keyed hash is stored, for at most two windows.
    fn name(&self, bucket: &Bucket) -> String {
        format!("{}#{}", bucket.what, self.minter.seal(bucket.what, &bucket.whom))
    }
}

/// The names whose knowledge an e-mail address proves. A caller who guesses the address names them repeatedly.
fn provable(wanted: &Wanted) -> Vec<String> {
    let entitlements = wanted.entitlements.iter().map(|sen| format!("sen {}", sen.compact()));
    entitlements.chain(wanted.sites.iter().map(|host| format!("site {host}"))).collect()
}

/// How many references are named whose existence reveals something. They are counted per caller and never per name, so that no
/// caller can block the owner of a reference. A VAT id is public and every order of its owner names it, so it is not counted.
fn references(wanted: &Wanted) -> usize {
    let certificates = wanted.certificates.iter().filter(|reference| vat_id(reference).is_none());
    wanted.evidence.len() + wanted.government_subscriptions.len() + certificates.count()
}

/// The source of a request. An IPv6 customer has a whole /64 network, so its addresses are counted together.
fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// The mailbox behind an address, without case and without the part after a `+` (RFC 5233): all of these
/// addresses belong to one person.
fn mailbox(email: &Email) -> String {
    let address = email.as_str().to_ascii_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let owner = local.split_once('+').map_or(local, |(owner, _)| owner);
    format!("{owner}@{domain}")
}

/// A window of time in which uses are counted together.
struct Window {
    number: i64,
    /// The number of seconds until its end.
    ends_in: i64,
    /// When its counters can be deleted: the same instant for the whole window.
    forgotten: Timestamp,
}

impl Window {
    fn of(now: Timestamp, length: SignedDuration) -> Self {
        let (second, length) = (now.as_second(), length.as_secs());
        let number = second.div_euclid(length);
        let forgotten = Timestamp::from_second((number + 2).saturating_mul(length)).unwrap_or(Timestamp::MAX);
        Self { number, ends_in: length - second.rem_euclid(length), forgotten }
    }

    fn too_many(&self, detail: &str) -> Failure {
        Failure::TooMany { detail: detail.to_owned(), seconds: self.ends_in }
    }
}

#[cfg(test)]
mod tests {
    use domain::number::Minter;

    use super::*;

    #[test]
    fn r28_everything_in_a_window_is_counted_together_and_kept_until_it_is_over() {
        let at = |text: &str| Window::of(text.parse().expect("an instant"), QUESTIONS);
        let (first, last) = (at("2026-11-22T10:00:00Z"), at("2026-11-22T10:00:59.999Z"));
        assert_eq!((last.number, last.forgotten), (first.number, first.forgotten));
        assert_eq!((first.ends_in, last.ends_in), (60, 1));
        assert_eq!(at("2026-11-22T10:01:00Z").number, first.number + 1);
        assert_eq!(first.forgotten, "2026-11-22T10:02:00Z".parse().expect("an instant"));
    }

    #[test]
    fn r28_entitlements_and_sites_are_counted_by_name_and_a_vat_id_not_at_all() {
        let minter = Minter::new(b"test");
        let sen = minter.sen(&minter.quote_from_seed("one"), 1, 0);
        let wanted = Wanted {
            entitlements: [sen.clone()].into(),
            sites: ["acme.cloud.example".to_owned()].into(),
            evidence: ["EV-1".to_owned()].into(),
            certificates: ["DE136695976".to_owned(), "RESALE-1".to_owned()].into(),
            government_subscriptions: [("gov".to_owned(), "Example Agency".to_owned())].into(),
        };
        assert_eq!(provable(&wanted), [format!("sen {}", sen.compact()), "site acme.cloud.example".to_owned()]);
        assert_eq!(references(&wanted), 3, "the evidence, the resale certificate and the agency's subscription");
    }

    #[test]
    fn r22_addresses_of_one_mailbox_are_one() {
        let mailbox = |text: &str| mailbox(&Email::parse(text).expect("an address"));
        assert_eq!(mailbox("Rita+Quotes+1@Reseller.Example"), mailbox("rita@reseller.example"));
        assert_ne!(mailbox("rita@reseller.example"), mailbox("rita@another.example"));
        assert_ne!(
            mailbox("rita.b@reseller.example"),
            mailbox("ritab@reseller.example"),
            "most mail services treat dots as part of the name"
        );
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_so_is_an_ipv4_address() {
        let network = |ip: &str| network(ip.parse().expect("an address"));
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
