//! The records that a request is judged with: a handler reads what is [`Wanted`] and passes the [`Facts`].

use std::collections::{BTreeMap, BTreeSet};

use super::sent::{MAX_LINES, MAX_SEGMENTS, Request, SegmentRequest};
use crate::{
    Policy, Sen,
    channel::Partner,
    evidence::{Registration, SegmentEvidence, Site, TaxCertificate, site_host, vat_id},
    government::{self, GovernmentSubscription},
    license::Entitlement,
    policy::LineKind,
};

/// The records that a request names and that a handler must read. Most requests name none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Entitlements, by number.
    pub entitlements: BTreeSet<Sen>,
    /// Segment evidence, by reference.
    pub evidence: BTreeSet<String>,
    /// Segment evidence, by the entries of registers that claims state.
    pub registrations: BTreeSet<Registration>,
    /// Tax certificates, by reference.
    pub certificates: BTreeSet<String>,
    /// Cloud sites, by host.
    pub sites: BTreeSet<String>,
    /// Government subscriptions, by product and licensee: an end customer may have only one to each product (R106).
    pub government_subscriptions: BTreeSet<(String, String)>,
}

/// The records that exist. A wanted record that is absent here does not exist.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The organisation of the signed-in caller, as the issuer of the token names it.
    pub organization: Option<String>,
    /// That organisation, if it is enrolled (R4).
    pub partner: Option<Partner>,
    /// Entitlements, by number.
    pub entitlements: BTreeMap<Sen, Entitlement>,
    /// Segment evidence, by reference.
    pub evidence: BTreeMap<String, SegmentEvidence>,
    /// Tax certificates, by reference.
    pub certificates: BTreeMap<String, TaxCertificate>,
    /// Cloud sites, by host.
    pub sites: BTreeMap<String, Site>,
    /// The wanted government subscriptions.
    pub government_subscriptions: Vec<GovernmentSubscription>,
}

impl Wanted {
    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Request {
    /// The records that must be read to judge this request. A request that is too long wants none, because it is refused.
    pub fn wants(&self, policy: &Policy) -> Wanted {
        let mut wanted = Wanted::default();
        if self.lines.len() > MAX_LINES || self.segments.len() > MAX_SEGMENTS {
            // The request is refused, whatever is on record.
            return wanted;
        }
        for line in &self.lines {
            wanted.entitlements.extend([&line.sen, &line.migrates_from].into_iter().flatten().filter_map(|sen| sen.parse().ok()));
            wanted.sites.extend(line.site.as_deref().and_then(site_host));
            let government = |id: &&String| policy.product(id).is_some_and(government::is_government);
            let product =
                line.product.as_ref().filter(government).filter(|_| line.kind.as_deref() == Some(LineKind::New.as_str()));
            let licensee = self.customer.as_ref().and_then(|customer| customer.company.clone());
            wanted.government_subscriptions.extend(product.cloned().zip(licensee));
        }
        let claimable = |registration: &Registration| policy.segment(&registration.segment).is_some();
        wanted.registrations = self.segments.iter().filter_map(SegmentRequest::registration).filter(claimable).collect();
        wanted.evidence = self.segments.iter().filter_map(|claim| claim.evidence.clone()).collect();
        wanted.certificates =
            [self.tax.vat_id.as_deref().and_then(vat_id), self.tax.certificate.clone()].into_iter().flatten().collect();
        wanted
    }
}
