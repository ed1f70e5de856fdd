//! Cloud sites, with their authorized contacts (R12, R31).

use std::collections::BTreeSet;

use super::few;
use crate::{
    Code, Sen,
    evidence::{Site, SiteContact, SiteRole},
    fault::Faults,
    form::{ContactRequest, contact, name, required, unknown},
};

const ROLES: [(&str, SiteRole); 3] =
    [("billing", SiteRole::Billing), ("technical", SiteRole::Technical), ("admin", SiteRole::Admin)];

/// A cloud site, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct SiteRequest {
    pub organization: Option<String>,
    pub contacts: Vec<SiteContactRequest>,
    pub entitlements: Vec<String>,
}

/// An authorized contact, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct SiteContactRequest {
    pub role: Option<String>,
    pub contact: ContactRequest,
}

impl SiteRequest {
    /// The site at `host` with its authorized contacts (R12), each in one of the three roles (R31), or `None` with every fault
    /// added.
    pub fn check(&self, host: &str, before: Option<&Site>, faults: &mut Faults) -> Option<Site> {
        let organization = name(faults, "/organization", self.organization.as_deref(), 120);
        if self.contacts.is_empty() {
            faults.add(Code::Required, "/contacts", "A site needs at least one authorized contact: add one.");
        }
        few(faults, "/contacts", self.contacts.len());
        few(faults, "/entitlements", self.entitlements.len());
        let read = self.contacts.iter().enumerate();
        let contacts: Vec<_> = read.map(|(i, contact)| contact.check(&format!("/contacts/{i}"), faults)).collect();
        let contacts: Option<Vec<SiteContact>> = contacts.into_iter().collect();
        let mut named = BTreeSet::new();
        let mut entitlements = Some(Vec::new());
        for (i, given) in self.entitlements.iter().enumerate() {
            let sen = given.parse::<Sen>();
            let wrong = match &sen {
                Err(_) => Some((Code::ValueInvalid, "This is not a support entitlement number. Check it for typing errors.")),
                Ok(sen) if !named.insert(sen.clone()) => {
                    Some((Code::NotExpected, "This number is in the list twice. Remove one of them."))
                }
                Ok(_) => None,
            };
            if let Some((code, detail)) = wrong {
                faults.add(code, format!("/entitlements/{i}"), detail);
            }
            entitlements = entitlements.zip(sen.ok()).map(|(mut entitlements, sen)| {
                entitlements.push(sen);
                entitlements
            });
        }
        Some(Site {
            host: host.to_owned(),
            version: before.map_or(0, |before| before.version),
            organization: organization?,
            contacts: contacts?,
            entitlements: entitlements?,
        })
    }
}

impl SiteContactRequest {
    fn check(&self, at: &str, faults: &mut Faults) -> Option<SiteContact> {
        let role = match self.role.as_deref() {
            None => required(faults, format!("{at}/role")),
            Some(given) => {
                let role = ROLES.iter().find(|(name, _)| *name == given).map(|(_, role)| *role);
                if role.is_none() {
                    unknown(faults, Code::ValueInvalid, format!("{at}/role"), "role", ROLES.iter().map(|(name, _)| *name));
                }
                role
            }
        };
        let contact = contact(faults, at, &self.contact);
        Some(SiteContact { role: role?, contact: contact? })
    }
}
