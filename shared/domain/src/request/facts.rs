//! What the rules must know about the world to judge a request: a handler reads what is [`Wanted`] and brings [`Facts`].

use std::collections::{BTreeMap, BTreeSet};

use super::sent::{MAX_LINES, MAX_SEGMENTS, Request};
use crate::{
    Policy, Sen,
    channel::Partner,
    evidence::{SegmentEvidence, Site, TaxCertificate, site_host, vat_id},
    government::{self, GovernmentSubscription},
    license::Entitlement,
    policy::LineKind,
};

/// What a request names, and somebody must look up. Most requests name nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Entitlements.
    pub entitlements: BTreeSet<Sen>,
    /// Segment evidence.
    pub evidence: BTreeSet<String>,
    /// Tax certificates.
    pub certificates: BTreeSet<String>,
    /// Cloud sites, by host.
    pub sites: BTreeSet<String>,
    /// Government subscriptions that an end customer may have only one of: product and licensee (R106).
    pub government_subscriptions: BTreeSet<(String, String)>,
}

/// What is on record. What was wanted and is not here does not exist.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The organisation of whoever signed in, as the issuer of their token names it.
    pub organization: Option<String>,
    /// That organisation, if it is enrolled (R4).
    pub partner: Option<Partner>,
    /// Entitlements.
    pub entitlements: BTreeMap<Sen, Entitlement>,
    /// Segment evidence, by its reference.
    pub evidence: BTreeMap<String, SegmentEvidence>,
    /// Tax certificates, by their reference.
    pub certificates: BTreeMap<String, TaxCertificate>,
    /// Cloud sites, by host.
    pub sites: BTreeMap<String, Site>,
    /// Government subscriptions.
    pub government_subscriptions: Vec<GovernmentSubscription>,
}

impl Wanted {
    /// Whether nothing needs to be looked up.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Request {
    /// What must be looked up to judge this request.
    pub fn wants(&self, policy: &Policy) -> Wanted {
        let mut wanted = Wanted::default();
        if self.lines.len() > MAX_LINES || self.segments.len() > MAX_SEGMENTS {
            // It will be refused, whatever there is.
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
        wanted.evidence = self.segments.iter().filter_map(|claim| claim.evidence.clone()).collect();
        wanted.certificates =
            [self.tax.vat_id.as_deref().and_then(vat_id), self.tax.certificate.clone()].into_iter().flatten().collect();
        wanted
    }
}
