//! From a quote to the strings of its documents: every choice of words, dates and amounts is made here, so that a
//! template only decides how it looks.

use domain::{
    Money, Policy, Quote, calendar, party,
    policy::{Deployment, LineKind},
    price::{self, LineNote, Rule},
    quote::Offer,
    wording,
};

use crate::document::{Columns, Document, Fact, Kind, Line, Method, Notes, Party, Payment, Table, Total};

impl Document {
    /// The document of a quote's current offer. Page 1 says how to pay (R23); `pay` is the link to the payment form.
    pub fn quote(quote: &Quote, policy: &Policy, pay: &str) -> Self {
        let draft = Draft { offer: &quote.offer, policy };
        let number = quote.number.to_string();
        let revision = (quote.offer.revision > 1).then(|| draft.fact("fact.revision", quote.offer.revision));
        let facts = std::iter::once(draft.fact("fact.quote", &number)).chain(revision).chain([
            draft.fact("fact.issued", quote.offer.issued_on()),
            draft.fact("fact.valid_through", quote.offer.valid_through),
        ]);
        let facts = facts.collect();
        let payment = draft.payment(&number, pay);
        Self {
            // Nobody is told how to pay nothing.
            payment: (quote.offer.total > 0).then_some(payment),
            ..draft.document(Kind::Quote, "document.quote", &number, "heading.lines", facts, draft.totals())
        }
    }

    /// The invoice of a paid quote; `None` while there is none.
    pub fn invoice(quote: &Quote, policy: &Policy) -> Option<Self> {
        let delivery = quote.delivery()?;
        let draft = Draft { offer: &quote.offer, policy };
        let mut facts = vec![
            draft.fact("fact.invoice", &delivery.invoice),
            draft.fact("fact.quote", &quote.number),
            draft.fact("fact.invoiced", delivery.invoiced_on),
        ];
        let mut totals = draft.totals();
        let mut due = quote.offer.total;
        // What a credit covers whole is delivered without a payment.
        if let Some(payment) = quote.payments.first() {
            facts.push(draft.fact("fact.paid", calendar::day_of(payment.at, &quote.offer.zone())));
            let method = draft.text(payment.method.name_key());
            let label = draft.fill("total.paid", &[("method", &method)]);
            totals.push(Total { label, amount: draft.money(-payment.amount), strong: false });
            due -= payment.amount;
        }
        totals.push(Total { label: draft.text("total.due"), amount: draft.money(due), strong: true });
        Some(draft.document(Kind::Invoice, "document.invoice", &delivery.invoice, "heading.invoice_lines", facts, totals))
    }
}

/// A document under way.
struct Draft<'a> {
    offer: &'a Offer,
    policy: &'a Policy,
}

impl Draft<'_> {
    fn text(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.policy.wording.fill(&self.offer.locale, key, values)
    }

    fn money(&self, minor: i64) -> String {
        Money::new(minor, self.offer.currency).to_string()
    }

    fn fact(&self, label: &str, value: impl ToString) -> Fact {
        Fact { label: self.text(label), value: value.to_string() }
    }

    fn document(
        &self,
        kind: Kind,
        title: &str,
        number: &str,
        heading: &str,
        mut facts: Vec<Fact>,
        totals: Vec<Total>,
    ) -> Document {
        let offer = self.offer;
        facts.push(self.fact("fact.currency", offer.currency));
        facts.extend(offer.po_number.as_ref().map(|po_number| self.fact("fact.po_number", po_number)));
        facts.push(self.fact("fact.technical_contact", &offer.technical_contact.name));
        let seller = &self.policy.seller;
        let tax_id = self.fill("document.tax_id", &[("tax_id", &seller.tax_id)]);
        Document {
            language: offer.locale.clone(),
            title: self.fill(title, &[("number", number)]),
            kind,
            number: number.to_owned(),
            facts,
            seller: Party {
                heading: self.text("heading.seller"),
                lines: std::iter::once(seller.legal_name.clone()).chain(seller.address.iter().cloned()).chain([tax_id]).collect(),
            },
            bill_to: self.party("heading.bill_to", offer.bill_to()),
            licensee: self.party("heading.licensee", &offer.customer),
            table: Table {
                heading: self.text(heading),
                columns: Columns {
                    line: self.text("column.line"),
                    description: self.text("column.description"),
                    amount: self.text("column.amount"),
                },
                lines: offer.lines.iter().map(|line| self.line(line)).collect(),
            },
            totals,
            payment: None,
            notes: offer.notes.as_ref().map(|notes| Notes { heading: self.text("heading.notes"), text: notes.clone() }),
            footer: vec![seller.legal_name.clone(), seller.support_url.clone()],
            page_label: self.text("document.page"),
        }
    }

    fn party(&self, heading: &str, party: &party::Party) -> Party {
        let address = &party.address;
        let place = [address.postal_code.as_deref(), Some(&address.city)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let region = address.region.as_deref().unwrap_or(&address.country);
        let attention = self.fill("document.attention", &[("name", &party.contact.name)]);
        Party {
            heading: self.text(heading),
            lines: vec![party.company.clone(), attention, address.street.clone(), format!("{place}, {region}")],
        }
    }

    fn line(&self, line: &price::Line) -> Line {
        let order = &line.order;
        let (tier, users) = (line.tier.to_string(), order.users.to_string());
        let mut details = vec![self.fill("line.users", &[("tier", &tier), ("users", &users)])];
        details.extend(self.covers(line));
        if let Some(held) = &order.held {
            details.insert(0, self.fill(&format!("line.kind.{}", order.kind.as_str()), &[("sen", &held.sen.to_string())]));
        }
        details.extend(line.notes.iter().filter_map(|note| self.note(note)));
        let step = |(rule, amount)| Fact { label: self.step(rule), value: self.money(amount) };
        let steps: Vec<_> = line.shown_steps().map(step).collect();
        Line {
            number: line.line.to_string(),
            description: match &order.edition {
                Some(edition) => {
                    self.fill("line.edition", &[("product", &line.product_name), ("edition", self.edition(line, edition))])
                }
                None => line.product_name.clone(),
            },
            details,
            // One step alone is the amount itself.
            steps: if steps.len() > 1 { steps } else { Vec::new() },
            amount: self.money(line.amount),
        }
    }

    /// The name of a line's edition; its id, if the policy no longer knows it.
    fn edition<'a>(&'a self, line: &price::Line, id: &'a str) -> &'a str {
        let product = self.policy.product(&line.order.product);
        let edition = product.and_then(|product| product.editions.iter().find(|edition| edition.id == id));
        edition.map_or(id, |edition| &edition.name)
    }

    /// What is delivered, and for how long: in months where it is bought by the month, or else with its dates. Upgrading a
    /// perpetual licence covers no time of its own.
    fn covers(&self, line: &price::Line) -> Option<String> {
        let months = line.order.months.to_string();
        let months = [("months", &*months)];
        Some(match (line.order.kind, line.deployment, line.start.zip(line.end)) {
            (LineKind::Upgrade, Deployment::SelfManagedPerpetual { .. }, _) => return None,
            (LineKind::New, Deployment::SelfManagedPerpetual { .. }, _) => self.fill("line.perpetual", &months),
            (LineKind::New, Deployment::SelfManagedTerm, _) => self.fill("line.term", &months),
            (LineKind::New, Deployment::MonthlyCloud, _) => self.text("line.monthly"),
            (LineKind::New, _, _) | (_, _, None) => self.fill("line.cloud", &months),
            (_, _, Some((start, end))) => {
                // People read "through": the last day that is covered, not the first that is not.
                let through = end.yesterday().unwrap_or(end).to_string();
                self.fill("line.dates", &[("start", &start.to_string()), ("through", &through)])
            }
        })
    }

    fn step(&self, rule: &Rule) -> String {
        let segment_name = |id: &str| self.policy.segment(id).map_or(id.to_owned(), |segment| segment.name.clone());
        let programme_name = |id: &str| self.policy.programme(id).map_or(id.to_owned(), |programme| programme.name.clone());
        match rule {
            Rule::ListPrice { tier } => self.fill("step.list_price", &[("tier", &tier.to_string())]),
            Rule::Maintenance { percent } => self.fill("step.maintenance", &[("percent", &percent.to_string())]),
            Rule::Term { months } => self.fill("step.term", &[("months", &months.to_string())]),
            Rule::Days { days } => self.fill("step.days", &[("days", &days.to_string())]),
            Rule::Segment { segment, percent } => {
                self.fill("step.segment", &[("segment", &segment_name(segment)), ("percent", &percent.to_string())])
            }
            Rule::UpgradeCredit { sen, tier, .. } => {
                self.fill("step.upgrade_credit", &[("sen", &sen.to_string()), ("tier", &tier.to_string())])
            }
            Rule::StepUpCredit { sen, days } => {
                self.fill("step.step_up_credit", &[("sen", &sen.to_string()), ("days", &days.to_string())])
            }
            Rule::Channel { programme, percent, .. } => {
                self.fill("step.channel", &[("programme", &programme_name(programme)), ("percent", &percent.to_string())])
            }
            Rule::Rounding => self.text("step.rounding"),
        }
    }

    /// What the buyer reads about a line. That a claim did not count is told in the answer to the request.
    fn note(&self, note: &LineNote) -> Option<String> {
        match note {
            LineNote::RenewalNotSamePartner => Some(self.text("note.renewal_not_same_partner")),
            LineNote::CreditLapsed { amount } => Some(self.fill("note.credit_lapsed", &[("amount", &self.money(*amount))])),
            LineNote::MigrationNotApplicable { .. } => None,
        }
    }

    fn totals(&self) -> Vec<Total> {
        let offer = self.offer;
        let total = |label, minor, strong| Total { label, amount: self.money(minor), strong };
        let mut totals = vec![total(self.text("total.net"), offer.net, false)];
        totals.extend(offer.taxes.iter().map(|tax| {
            let values = [("name", &*tax.name), ("rate", &*tax.rate.to_string()), ("jurisdiction", &*tax.jurisdiction)];
            total(self.fill("total.tax", &values), tax.amount, false)
        }));
        if offer.taxes.is_empty() {
            let label = match offer.tax_notes.first() {
                Some(note) => self.fill(&note.text, &[("number", &note.number)]),
                None => self.text("total.no_tax"),
            };
            totals.push(total(label, 0, false));
        }
        totals.push(total(self.text("total.gross"), offer.total, true));
        totals
    }

    /// Every method that this quote may use, with its complete instructions (R23).
    fn payment(&self, reference: &str, link: &str) -> Payment {
        let (amount, valid_through) = (self.money(self.offer.total), self.offer.valid_through.to_string());
        let known = [
            ("reference", reference),
            ("amount", &*amount),
            ("link", link),
            ("valid_through", &*valid_through),
            ("currency", self.offer.currency.code()),
        ];
        let method = |offered: &domain::method::MethodOffer| {
            let id = offered.method.as_str();
            let rules = self.policy.methods.iter().find(|rules| rules.method == offered.method);
            let details = rules.map_or(&[][..], |rules| &rules.details);
            let value = |name: &str| {
                let own = details.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
                own.or_else(|| known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
            };
            let key = format!("instructions.{id}");
            let instructions = wording::fill(self.policy.wording.text(&self.offer.locale, &key), value);
            Method { name: self.text(offered.method.name_key()), instructions: instructions.lines().map(str::to_owned).collect() }
        };
        Payment {
            heading: self.text("heading.payment"),
            introduction: self.fill("payment.introduction", &known),
            methods: self.offer.methods.iter().filter(|offered| offered.refused.is_none()).map(method).collect(),
        }
    }
}
