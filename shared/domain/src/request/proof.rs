//! Which entitlements and sites a caller proves to know (R12, R28, R31). A refusal is the same for what does not exist and for
//! another customer's.

use std::collections::BTreeSet;

use super::{
    facts::Facts,
    judging::Judging,
    sent::{LineRequest, Request},
};
use crate::{
    Code, Policy, Sen,
    evidence::{Site, site_host},
    fault::Faults,
    form::required,
    government::is_government,
    license::Entitlement,
    name::LegalName,
    party::Email,
    policy::{AcceptedContact, LineKind, Product},
    price::{Held, MigrationRefusal},
};

impl Request {
    /// The licensee of the entitlements that the lines name and that their contacts prove to know. A request need not repeat
    /// the name. `None` when no line proves one, or when a line orders a government product, which is looked up by the
    /// customer's name (R106).
    pub(super) fn proven_licensee<'f>(&self, policy: &Policy, facts: &'f Facts) -> Option<&'f str> {
        let new = |line: &LineRequest| line.kind.as_deref() == Some(LineKind::New.as_str());
        let product = |line: &LineRequest| line.product.as_deref().and_then(|id| policy.product(id));
        if self.lines.iter().any(|line| new(line) && product(line).is_some_and(is_government)) {
            return None;
        }
        let contact = self.customer.as_ref().and_then(|customer| customer.technical_contact.as_ref());
        let contact = contact.and_then(|contact| Email::parse(contact.email.as_deref()?.trim()));
        let known = |line: &LineRequest| line.known(&line.sen.as_deref()?.parse().ok()?, contact.as_ref(), policy, facts);
        self.lines.iter().find_map(known).map(|entitlement| &*entitlement.licensee)
    }
}

impl LineRequest {
    /// The entitlement that the line changes, if the caller proves knowledge of it (R28).
    pub(super) fn held<'j>(
        &self,
        index: usize,
        judging: &Judging<'j>,
        named: &mut BTreeSet<Sen>,
        faults: &mut Faults,
    ) -> Option<&'j Entitlement> {
        let at = format!("/lines/{index}/sen");
        let Some(sen) = &self.sen else { return required(faults, at) };
        let Ok(sen) = sen.parse::<Sen>() else {
            // A number with a wrong check character is no entitlement's number, so this refusal does not reveal which
            // entitlements exist.
            let detail = "This is not an entitlement number such as SEN-4MRX7-PQ2HVW. Check it for typing errors.";
            faults.add(Code::EntitlementNotMatched, at, detail);
            return None;
        };
        if !named.insert(sen.clone()) {
            faults.add(Code::NotExpected, at, "Another line names this entitlement. Order one change of it at a time.");
            return None;
        }
        let known = self.known(&sen, judging.contact, judging.policy, judging.facts);
        let Some(entitlement) = known.filter(|entitlement| self.is_at_site(entitlement, judging.facts)) else {
            let detail = match self.site {
                None => "There is no such entitlement with this contact. Check its number and the technical contact's address.",
                Some(_) => {
                    "There is no such entitlement with this contact at this site. Check its number, the site and the contact's \
                     address, or leave the site out."
                }
            };
            faults.add(Code::EntitlementNotMatched, at, detail);
            return None;
        };
        if entitlement.is_closed() {
            let detail = "This entitlement has moved to the cloud or was refunded. Order a new one instead.";
            faults.add(Code::EntitlementEnded, at, detail);
            return None;
        }
        if judging.licensee.is_some_and(|name| LegalName::new(name) != LegalName::new(&entitlement.licensee)) {
            faults.add(Code::LicenseeDiffers, at, licensed_to(&entitlement.licensee));
            return None;
        }
        Some(entitlement)
    }

    /// The contact who speaks for the line's entitlement or site: the line's own, or else the customer's technical contact.
    fn contact<'c>(&self, own: &'c Option<Email>, technical: Option<&'c Email>) -> Option<&'c Email> {
        if self.contact.is_some() { own.as_ref() } else { technical }
    }

    fn known<'f>(&self, sen: &Sen, technical: Option<&Email>, policy: &Policy, facts: &'f Facts) -> Option<&'f Entitlement> {
        let own = self.contact.as_deref().map(str::trim).and_then(Email::parse);
        let email = self.contact(&own, technical)?;
        let entitlement = facts.entitlements.get(sen)?;
        knows(entitlement, email, self.known_site(facts), policy).then_some(entitlement)
    }

    fn known_site<'f>(&self, facts: &'f Facts) -> Option<&'f Site> {
        facts.sites.get(&site_host(self.site.as_deref()?)?)
    }

    /// Whether the entitlement belongs to the site that the line names. A line need not name a site.
    fn is_at_site(&self, entitlement: &Entitlement, facts: &Facts) -> bool {
        self.site.is_none() || self.known_site(facts).is_some_and(|site| belongs(entitlement, site))
    }

    /// Adds the faults of the line's contact and site as texts: nothing that is sent is ignored.
    pub(super) fn check_contact(&self, index: usize, kind: Option<LineKind>, faults: &mut Faults) {
        let at = |member: &str| format!("/lines/{index}/{member}");
        if self.contact.as_deref().is_some_and(|contact| Email::parse(contact.trim()).is_none()) {
            faults.add(Code::EmailInvalid, at("contact"), "This is not an e-mail address. Write it as name@example.com.");
        }
        if self.site.as_deref().is_some_and(|site| site_host(site).is_none()) {
            let detail = "This is not the host name of a site, such as name.cloud.example.";
            faults.add(Code::ValueInvalid, at("site"), detail);
        }
        if kind == Some(LineKind::New) && self.contact.is_some() && self.site.is_none() && self.migrates_from.is_none() {
            let detail = "The contact proves knowledge of a site or of a licence that this line replaces. Name that with `site` or \
                          `migrates_from`, or leave the contact out.";
            faults.add(Code::NotExpected, at("contact"), detail);
        }
    }

    /// The existing site that a new cloud line is for, if the contact is authorized for it (R7, R12). The outer `None` is a
    /// fault, the inner one a line without a site.
    pub(super) fn new_at_site(
        &self,
        index: usize,
        product: &Product,
        judging: &Judging<'_>,
        faults: &mut Faults,
    ) -> Option<Option<String>> {
        let Some(given) = &self.site else { return Some(None) };
        let at = format!("/lines/{index}/site");
        if product.deployment.is_self_managed() {
            let detail = format!("{} is installed by the customer and has no site. Leave the site out.", product.name);
            faults.add(Code::NotExpected, at, detail);
            return None;
        }
        // A text that is no host has its own fault.
        site_host(given)?;
        let own = self.contact.as_deref().map(str::trim).and_then(Email::parse);
        let email = self.contact(&own, judging.contact)?;
        let Some(site) = self.known_site(judging.facts).filter(|site| site.authorizes(email)) else {
            let detail = "There is no such site with this authorized contact. Check the site and the contact's address, or leave \
                          the site out: a subscription can be bought before its site exists.";
            faults.add(Code::EntitlementNotMatched, at, detail);
            return None;
        };
        if judging.licensee.is_some_and(|name| LegalName::new(name) != LegalName::new(&site.organization)) {
            let detail = format!("This site belongs to `{}`. Name that organisation as the customer.", site.organization);
            faults.add(Code::LicenseeDiffers, at, detail);
            return None;
        }
        Some(Some(site.host.clone()))
    }

    /// The self-managed entitlement that a cloud line replaces, or why the claim does not count (R62).
    pub(super) fn source(
        &self,
        product: &Product,
        judging: &Judging<'_>,
        named: &mut BTreeSet<Sen>,
    ) -> (Option<Held>, Option<MigrationRefusal>) {
        let Some(claimed) = &self.migrates_from else { return (None, None) };
        let sen = claimed.parse::<Sen>().ok();
        if sen.as_ref().is_some_and(|sen| !named.insert(sen.clone())) {
            return (None, Some(MigrationRefusal::NotActive));
        }
        let known = sen.and_then(|sen| self.known(&sen, judging.contact, judging.policy, judging.facts));
        let Some(entitlement) =
            known.filter(|it| judging.licensee.is_some_and(|name| LegalName::new(name) == LegalName::new(&it.licensee)))
        else {
            return (None, Some(MigrationRefusal::NotMatched));
        };
        let self_managed = judging.policy.product(&entitlement.product).is_some_and(|it| it.deployment.is_self_managed());
        let held = Held::of(entitlement, judging.channel, judging.today).filter(|held| {
            let runs = held.end > judging.today && held.lowered_from.is_none() && !entitlement.is_closed();
            self_managed && !product.deployment.is_self_managed() && runs
        });
        match held {
            Some(held) => (Some(held), None),
            None => (None, Some(MigrationRefusal::NotActive)),
        }
    }
}

/// Whether an e-mail address proves knowledge of an entitlement (R28, R31): the address is an accepted contact's, or an
/// authorized contact's of the cloud site that the entitlement belongs to. A site proves nothing for an entitlement of another
/// customer, even if the site's record names it.
pub fn knows(entitlement: &Entitlement, email: &Email, site: Option<&Site>, policy: &Policy) -> bool {
    let accepted = policy.bounds.accepted_contacts.iter().any(|accepted| match accepted {
        AcceptedContact::Technical => entitlement.technical_contact.email == *email,
        AcceptedContact::Purchaser => entitlement.statement.purchaser_contact.email == *email,
    });
    accepted || site.is_some_and(|site| belongs(entitlement, site) && site.authorizes(email))
}

fn belongs(entitlement: &Entitlement, site: &Site) -> bool {
    site.entitlements.contains(&entitlement.sen) && LegalName::new(&site.organization) == LegalName::new(&entitlement.licensee)
}

/// What a caller that has proven its knowledge of an entitlement may learn: its licensee, as the licence spells the name.
fn licensed_to(licensee: &str) -> String {
    format!("This entitlement is licensed to `{licensee}`. Name that organisation as the customer, or leave the company out.")
}
