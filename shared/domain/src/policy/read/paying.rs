//! Reads `payment.toml`: the payment methods of quotes.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{
    catalogue::{Catalogue, deployments},
    files::{CATALOGUE, MAX_USERS, PAYMENT},
    source::Reader,
    values::{Text, Texts},
};
use crate::{
    payment::Method,
    policy::{Deployment, MethodPolicy, Product, Restriction, Threshold, ThresholdBasis},
};

const BASES: [(&str, ThresholdBasis); 2] = [("net", ThresholdBasis::Net), ("gross", ThresholdBasis::Gross)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMethod {
    id: Text,
    currencies: Option<Texts>,
    #[serde(default)]
    except_currencies: Vec<Text>,
    minimum: Option<Spanned<BTreeMap<Text, Spanned<i64>>>>,
    minimum_basis: Option<Text>,
    #[serde(default)]
    details: BTreeMap<String, String>,
    clearing_days: Option<Spanned<Vec<u32>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRestriction {
    products: Option<Texts>,
    deployments: Option<Texts>,
    max_tier: Option<Spanned<u32>>,
    methods: Texts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChanges {
    second_person: bool,
}

/// Methods by their names.
fn methods() -> [(&'static str, Method); 6] {
    [Method::Card, Method::Paypal, Method::Check, Method::BankTransfer, Method::Ach, Method::Net30]
        .map(|method| (method.as_str(), method))
}

impl Reader<'_> {
    /// The methods, their restrictions, and whether a second person must confirm a change of the instructions.
    pub(super) fn paying(&mut self, catalogue: &Catalogue) -> (Vec<MethodPolicy>, Vec<Restriction>, bool) {
        let Some(mut file) = self.open(PAYMENT) else { return Default::default() };
        let entries = self.entries::<RawMethod>(&mut file, "method");
        let raw_restrictions = self.entries::<RawRestriction>(&mut file, "restriction");
        let changes = self.section_if_there::<RawChanges>(&mut file, "changes");
        self.close(file);
        if entries.whole && entries.read.is_empty() {
            self.mistake(PAYMENT, None, "there is no payment method: add a [[method]]");
        }
        self.distinct(PAYMENT, "method", entries.read.iter().map(|raw| &raw.id));
        let count = entries.read.len();
        let methods: Vec<_> = entries.read.into_iter().filter_map(|raw| self.method(raw)).collect();
        let offered = (entries.whole && methods.len() == count).then_some(methods.as_slice());
        let mut restrictions = Vec::new();
        for raw in raw_restrictions.read {
            restrictions.push(self.restriction(raw, offered, catalogue));
        }
        if raw_restrictions.whole {
            self.monthly_products(&restrictions, catalogue);
        }
        (methods, restrictions, changes.is_some_and(|changes| changes.second_person))
    }

    fn method(&mut self, raw: RawMethod) -> Option<MethodPolicy> {
        let method = self.one_of(PAYMENT, "method", &raw.id, &methods());
        if let Some(codes) = &raw.currencies {
            self.not_empty(PAYMENT, codes, "leave it out to mean all");
        }
        let currencies = raw.currencies.map(|codes| self.currencies(PAYMENT, codes.get_ref()));
        let except_currencies = self.currencies(PAYMENT, &raw.except_currencies);
        let basis = raw.minimum_basis.as_ref().and_then(|name| self.one_of(PAYMENT, "minimum_basis", name, &BASES));
        if let (Some(basis), None) = (&raw.minimum_basis, &raw.minimum) {
            self.mistake(PAYMENT, Some(basis.span()), "`minimum_basis` needs a `minimum`: add one, or remove `minimum_basis`");
        }
        let minimum = raw.minimum.map(|minimum| {
            if minimum.get_ref().is_empty() {
                let what = "`minimum` is empty, so the method is never offered: add a currency, such as { USD = 1000000 }";
                self.mistake(PAYMENT, Some(minimum.span()), what);
            }
            Threshold { basis: basis.unwrap_or_default(), amounts: self.amounts(PAYMENT, minimum.get_ref()) }
        });
        let clearing_days = raw.clearing_days.and_then(|days| self.clearing_days(&days));
        Some(MethodPolicy {
            method: method?,
            currencies,
            except_currencies,
            minimum,
            details: raw.details.into_iter().collect(),
            clearing_days,
        })
    }

    fn clearing_days(&mut self, days: &Spanned<Vec<u32>>) -> Option<(u32, u32)> {
        match days.get_ref()[..] {
            [least, most] if least <= most => Some((least, most)),
            _ => {
                let what = "`clearing_days` must be two numbers of business days, the smaller one first, such as [5, 7]";
                self.mistake(PAYMENT, Some(days.span()), what);
                None
            }
        }
    }

    fn restriction(&mut self, raw: RawRestriction, offered: Option<&[MethodPolicy]>, catalogue: &Catalogue) -> Restriction {
        if raw.products.is_none() && raw.deployments.is_none() && raw.max_tier.is_none() {
            let what = "this restricts every order: add `products`, `deployments` or a `max_tier`";
            self.mistake(PAYMENT, Some(raw.methods.span()), what);
        }
        for list in [&raw.products, &raw.deployments].into_iter().flatten() {
            self.not_empty(PAYMENT, list, "leave it out to mean all");
        }
        self.not_empty(PAYMENT, &raw.methods, "name the allowed methods");
        for product in raw.products.iter().flat_map(Spanned::get_ref) {
            if catalogue.whole && !catalogue.products.contains_key(product.get_ref()) {
                let what = format!("product `{}` is not in {CATALOGUE}: add it there, or correct the id", product.get_ref());
                self.mistake(PAYMENT, Some(product.span()), what);
            }
        }
        let allowed = self.all_of(PAYMENT, "method", raw.methods.get_ref(), &methods());
        for name in raw.methods.get_ref() {
            let is_offered = |offered: &[MethodPolicy]| offered.iter().any(|rules| rules.method.as_str() == name.get_ref());
            let is_known = allowed.iter().any(|method| method.as_str() == name.get_ref());
            if is_known && !offered.is_none_or(is_offered) {
                self.mistake(PAYMENT, Some(name.span()), format!("there is no [[method]] `{}`: add it", name.get_ref()));
            }
        }
        let deployed = raw.deployments.map(|named| self.all_of(PAYMENT, "deployment", named.get_ref(), &deployments()));
        Restriction {
            products: raw.products.map(|named| named.into_inner().into_iter().map(Spanned::into_inner).collect()),
            deployments: deployed.map(|named| named.into_iter().map(str::to_owned).collect()),
            max_tier: raw.max_tier.map(|tier| self.within(PAYMENT, "users", &tier, 1..=MAX_USERS)),
            methods: allowed,
        }
    }

    /// Checks that the policy restricts how monthly cloud is paid, because the method is charged every month (R76).
    fn monthly_products(&mut self, restrictions: &[Restriction], catalogue: &Catalogue) {
        let limits = |rules: &Restriction, product: &Product| {
            rules.max_tier.is_none()
                && rules.products.as_ref().is_none_or(|products| products.contains(&product.id))
                && rules.deployments.as_ref().is_none_or(|named| named.iter().any(|name| name == product.deployment.as_str()))
        };
        for (product, _) in catalogue.products.values() {
            if product.deployment == Deployment::MonthlyCloud && !restrictions.iter().any(|rules| limits(rules, product)) {
                let what = format!(
                    "no restriction limits the payment methods of `{}`: add [[restriction]] with deployments = \
                     [\"monthly_cloud\"] and methods = [\"card\"]",
                    product.id
                );
                self.mistake(PAYMENT, None, what);
            }
        }
    }
}
