//! Enrolled partners, with their memberships of programmes (R4).

use super::{RecordContext, few};
use crate::{
    Code, Policy,
    channel::{Membership, Partner},
    fault::Faults,
    form::{date, name, optional_date, required, unknown},
};

/// An enrolment, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct PartnerRequest {
    pub name: Option<String>,
    pub memberships: Vec<MembershipRequest>,
}

/// A membership, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct MembershipRequest {
    pub programme: Option<String>,
    pub tier: Option<String>,
    pub from: Option<String>,
    pub until: Option<String>,
}

impl PartnerRequest {
    /// The enrolment of `organization`, or `None` with every fault added: in programmes of the policy, and in at most one of
    /// them on any day (R4).
    pub fn check(
        &self,
        organization: &str,
        before: Option<&Partner>,
        on: &RecordContext<'_>,
        faults: &mut Faults,
    ) -> Option<Partner> {
        let name = name(faults, "/name", self.name.as_deref(), 120);
        few(faults, "/memberships", self.memberships.len());
        let read = self.memberships.iter().enumerate();
        let read: Vec<_> =
            read.map(|(i, membership)| membership.check(&format!("/memberships/{i}"), on.policy, faults)).collect();
        let memberships: Option<Vec<Membership>> = read.into_iter().collect();
        for (i, later) in memberships.iter().flatten().enumerate() {
            let earlier = memberships.iter().flatten().take(i).position(|earlier| earlier.period().overlaps(&later.period()));
            if let Some(earlier) = earlier {
                let detail =
                    format!("This membership shares days with /memberships/{earlier}. End one of them before the other begins.");
                faults.add(Code::ValueInvalid, format!("/memberships/{i}"), detail);
            }
        }
        Some(Partner {
            organization: before.map_or(organization, |before| &before.organization).to_owned(),
            version: before.map_or(0, |before| before.version),
            name: name?,
            memberships: memberships?,
        })
    }
}

impl MembershipRequest {
    fn check(&self, at: &str, policy: &Policy, faults: &mut Faults) -> Option<Membership> {
        let from = date(faults, &format!("{at}/from"), self.from.as_deref());
        let until = optional_date(faults, &format!("{at}/until"), self.until.as_deref());
        if from.zip(until.flatten()).is_some_and(|(from, until)| until <= from) {
            let detail = "This is the first day after the membership. It must be later than `from`.";
            faults.add(Code::ValueInvalid, format!("{at}/until"), detail);
        }
        let Some(id) = &self.programme else { return required(faults, format!("{at}/programme")) };
        let Some(programme) = policy.programme(id) else {
            let known = policy.programmes.iter().map(|programme| &*programme.id);
            unknown(faults, Code::ValueInvalid, format!("{at}/programme"), "programme", known);
            return None;
        };
        let at_tier = format!("{at}/tier");
        match &self.tier {
            None if programme.tiers.is_empty() => {}
            None => return required(faults, at_tier),
            Some(_) if programme.tiers.is_empty() => {
                faults.add(Code::NotExpected, at_tier, "The programme has no tiers. Leave the tier out.");
                return None;
            }
            Some(tier) if programme.tiers.contains(tier) => {}
            Some(_) => {
                unknown(faults, Code::ValueInvalid, at_tier, "tier of the programme", programme.tiers.iter().map(String::as_str));
                return None;
            }
        }
        Some(Membership { programme: id.clone(), tier: self.tier.clone(), from: from?, until: until? })
    }
}
