//! Reads `channel.toml` and `segments.toml`: the discounts of resellers and of end customers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::{
    catalogue::Catalogue,
    files::{CATALOGUE, CHANNEL, MAX_USERS, SEGMENTS},
    source::{Entries, Place, Reader},
    values::{Day, Text, Texts, kinds},
};
use crate::policy::{Deployment, Programme, Proof, Rate, Segment, Statement};

const STATEMENTS: [(&str, Statement); 3] =
    [("registration_number", Statement::RegistrationNumber), ("country", Statement::Country), ("document", Statement::Document)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProgramme {
    id: Text,
    name: Text,
    #[serde(default)]
    tiers: Vec<Text>,
    #[serde(default = "yes")]
    renewal_requires_same_partner: bool,
    #[serde(default)]
    government_families: Vec<Text>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSegment {
    id: Text,
    name: Text,
    evidence: Option<Texts>,
    source_entitlement: Option<bool>,
    step_up_credit: Option<bool>,
    min_users: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    programme: Option<Text>,
    segment: Option<Text>,
    tier: Option<Text>,
    families: Option<Texts>,
    kinds: Option<Texts>,
    currencies: Option<Texts>,
    percent: Text,
    from: Day,
    until: Option<Day>,
}

/// The owners of the rates of a file: programmes or segments.
struct Owners<'c> {
    file: &'static str,
    /// `programme` or `segment`.
    what: &'static str,
    /// The member in which a rate names its owner.
    owner: fn(&RawRate) -> Option<&Text>,
    /// A member that a rate of this file must not have.
    foreign: fn(&RawRate) -> Option<&Text>,
    /// The tiers of each owner, by its id; `None` for owners that cannot have tiers.
    tiers: BTreeMap<String, Option<Vec<String>>>,
    /// Whether every owner could be read.
    whole: bool,
    catalogue: &'c Catalogue,
}

/// The rates by owner.
type Rates = BTreeMap<String, Vec<(Rate, Place)>>;

/// Removes and returns an owner's rates; `None` when no rate names it.
fn take(rates: &mut Rates, owner: &str) -> Option<Vec<Rate>> {
    Some(rates.remove(owner)?.into_iter().map(|(rate, _)| rate).collect())
}

impl Reader<'_> {
    /// Reads the programmes; without the file there are none.
    pub(super) fn channel(&mut self, catalogue: &Catalogue) -> Vec<Programme> {
        let Some(mut file) = self.open_if_there(CHANNEL) else { return Vec::new() };
        let entries = self.entries::<RawProgramme>(&mut file, "programme");
        let rates = self.entries::<RawRate>(&mut file, "rate");
        self.close(file);
        self.distinct(CHANNEL, "programme", entries.read.iter().map(|raw| &raw.id));
        let tiers = |raw: &RawProgramme| raw.tiers.iter().map(|tier| tier.get_ref().clone()).collect();
        let owners = Owners {
            file: CHANNEL,
            what: "programme",
            owner: |raw| raw.programme.as_ref(),
            foreign: |raw| raw.segment.as_ref(),
            tiers: entries.read.iter().map(|raw| (raw.id.get_ref().clone(), Some(tiers(raw)))).collect(),
            whole: entries.whole,
            catalogue,
        };
        let all_rates = rates.whole;
        let mut rates = self.rates(&owners, rates);
        let government = catalogue.families(Some(Deployment::GovernmentCloud));
        let mut programmes = Vec::new();
        for raw in entries.read {
            self.id(CHANNEL, &raw.id, '_');
            for tier in &raw.tiers {
                self.id(CHANNEL, tier, '_');
            }
            self.distinct(CHANNEL, "tier", &raw.tiers);
            self.distinct(CHANNEL, "family", &raw.government_families);
            for family in &raw.government_families {
                if catalogue.whole && !government.contains(family.get_ref().as_str()) {
                    let what = format!(
                        "{CATALOGUE} has no government cloud product of the family `{}`: correct the name",
                        family.get_ref()
                    );
                    self.mistake(CHANNEL, Some(family.span()), what);
                }
            }
            let rates = take(&mut rates, raw.id.get_ref());
            if rates.is_none() && all_rates && raw.government_families.is_empty() {
                let id = raw.id.get_ref();
                let what = format!(
                    "programme `{id}` has no discount and no government products: add a [[rate]] or `government_families`"
                );
                self.mistake(CHANNEL, Some(raw.id.span()), what);
            }
            programmes.push(Programme {
                id: raw.id.into_inner(),
                name: self.text(CHANNEL, raw.name, "programme's name").unwrap_or_default(),
                tiers: raw.tiers.into_iter().map(Spanned::into_inner).collect(),
                renewal_requires_same_partner: raw.renewal_requires_same_partner,
                government_families: raw.government_families.into_iter().map(Spanned::into_inner).collect(),
                rates: rates.unwrap_or_default(),
            });
        }
        programmes
    }

    /// Reads the segments; without the file there are none.
    pub(super) fn segments(&mut self, catalogue: &Catalogue) -> Vec<Segment> {
        let Some(mut file) = self.open_if_there(SEGMENTS) else { return Vec::new() };
        let entries = self.entries::<RawSegment>(&mut file, "segment");
        let rates = self.entries::<RawRate>(&mut file, "rate");
        self.close(file);
        self.distinct(SEGMENTS, "segment", entries.read.iter().map(|raw| &raw.id));
        let owners = Owners {
            file: SEGMENTS,
            what: "segment",
            owner: |raw| raw.segment.as_ref(),
            foreign: |raw| raw.programme.as_ref().or(raw.tier.as_ref()),
            tiers: entries.read.iter().map(|raw| (raw.id.get_ref().clone(), None)).collect(),
            whole: entries.whole,
            catalogue,
        };
        let all_rates = rates.whole;
        let mut rates = self.rates(&owners, rates);
        let mut segments = Vec::new();
        for raw in entries.read {
            self.id(SEGMENTS, &raw.id, '_');
            let proof = self.proof(&raw);
            let rates = take(&mut rates, raw.id.get_ref());
            if rates.is_none() && all_rates && !matches!(proof, Some(Proof::SourceEntitlement { credit: true, .. })) {
                let what = format!("segment `{}` has no discount: add a [[rate]]", raw.id.get_ref());
                self.mistake(SEGMENTS, Some(raw.id.span()), what);
            }
            let name = self.text(SEGMENTS, raw.name, "segment's name").unwrap_or_default();
            segments.extend(proof.map(|proof| Segment {
                id: raw.id.into_inner(),
                name,
                proof,
                rates: rates.unwrap_or_default(),
            }));
        }
        segments
    }

    fn proof(&mut self, raw: &RawSegment) -> Option<Proof> {
        match (&raw.evidence, raw.source_entitlement, raw.step_up_credit, &raw.min_users) {
            (Some(evidence), None, None, None) => {
                self.not_empty(SEGMENTS, evidence, "name the statements of a claim, such as [\"document\"]");
                Some(Proof::Evidence(self.all_of(SEGMENTS, "evidence", evidence.get_ref(), &STATEMENTS)))
            }
            (None, Some(true), credit, min_users) => {
                let min_users = min_users.as_ref().map_or(1, |users| self.within(SEGMENTS, "users", users, 1..=MAX_USERS));
                Some(Proof::SourceEntitlement { credit: credit.unwrap_or(false), min_users })
            }
            _ => {
                let what = "a segment has either `evidence`, or `source_entitlement = true` with an optional \
                            `step_up_credit` and `min_users`";
                self.mistake(SEGMENTS, Some(raw.id.span()), what);
                None
            }
        }
    }

    fn rates(&mut self, owners: &Owners<'_>, entries: Entries<RawRate>) -> Rates {
        let families = owners.catalogue.families(None);
        let mut rates = Rates::new();
        for raw in entries.read {
            let Some(owner) = self.owner(owners, &raw) else { continue };
            let place = owner.span();
            let known = rates.entry(owner.get_ref().clone()).or_default();
            let Some(rate) = self.rate(owners, owner, &families, &raw) else { continue };
            if let Some((_, other)) = known.iter().find(|(other, _)| other.overlaps(&rate)) {
                let line = self.line(owners.file, other).unwrap_or_default();
                let apart = "give them different `tier`, `families`, `kinds`, `currencies` or dates";
                let what = format!("this rate and the one in line {line} apply to the same order on the same day: {apart}");
                self.mistake(owners.file, Some(place.clone()), what);
            }
            known.push((rate, place));
        }
        rates
    }

    /// The owner of a rate.
    fn owner<'r>(&mut self, owners: &Owners<'_>, raw: &'r RawRate) -> Option<&'r Text> {
        let (file, what) = (owners.file, owners.what);
        if let Some(foreign) = (owners.foreign)(raw) {
            self.mistake(file, Some(foreign.span()), format!("the rate of a {what} cannot have this member: remove it"));
        }
        let Some(owner) = (owners.owner)(raw) else {
            self.mistake(file, Some(raw.percent.span()), format!("the rate has no owner: add a `{what}`"));
            return None;
        };
        if !owners.tiers.contains_key(owner.get_ref()) && owners.whole {
            self.mistake(file, Some(owner.span()), format!("there is no {what} `{}`: add a [[{what}]]", owner.get_ref()));
        }
        Some(owner)
    }

    fn rate(&mut self, owners: &Owners<'_>, owner: &Text, families: &BTreeSet<&str>, raw: &RawRate) -> Option<Rate> {
        let file = owners.file;
        if let (Some(tier), Some(Some(tiers))) = (&raw.tier, owners.tiers.get(owner.get_ref()))
            && !tiers.contains(tier.get_ref())
        {
            let what = format!("the programme has no tier `{}`: add it to its `tiers`", tier.get_ref());
            self.mistake(file, Some(tier.span()), what);
        }
        for list in [&raw.families, &raw.kinds, &raw.currencies].into_iter().flatten() {
            self.not_empty(file, list, "leave it out to mean all");
        }
        if let Some(named) = &raw.families {
            self.distinct(file, "family", named.get_ref());
            for family in named.get_ref() {
                if owners.catalogue.whole && !families.contains(family.get_ref().as_str()) {
                    let what = format!("{CATALOGUE} has no product of the family `{}`: correct the name", family.get_ref());
                    self.mistake(file, Some(family.span()), what);
                }
            }
        }
        let kinds = raw.kinds.as_ref().map(|named| self.all_of(file, "kind of order", named.get_ref(), &kinds()));
        let currencies = raw.currencies.as_ref().map(|codes| self.currencies(file, codes.get_ref()));
        let percent = self.percent(file, &raw.percent);
        let period = self.period(file, &raw.from, raw.until.as_ref());
        let plain = |texts: &Texts| texts.get_ref().iter().map(|text| text.get_ref().clone()).collect();
        Some(Rate {
            tier: raw.tier.as_ref().map(|tier| tier.get_ref().clone()),
            families: raw.families.as_ref().map(plain),
            kinds,
            currencies,
            percent: percent?,
            period: period?,
        })
    }
}
