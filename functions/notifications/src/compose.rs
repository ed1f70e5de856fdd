//! The letters about an event of a quote, and their text. A pure function: the same quote gives the same letters.

use contract::Links;
use domain::{
    Money, Policy, Quote,
    calendar::months_after,
    license::{self, Kind},
    party::Contact,
    quote::{Delivered, Delivery, Entry, Event, Offer, Stage},
};
use typesetting::Document;

use crate::letter::{Action, Item, Letter};

/// A letter to send.
pub(crate) struct Outgoing {
    /// The letter's purpose, such as `quote`. It is part of the Message-ID and of the key of the note that the letter was sent.
    pub(crate) role: String,
    pub(crate) to: Contact,
    pub(crate) letter: Letter,
    pub(crate) document: Option<Document>,
}

/// The letters about an entry of the quote's history, if the entry still describes the quote. There is no letter about a revision
/// that was replaced, and no request to pay a quote that is paid. A quote that costs nothing is paid as soon as it is issued.
pub(crate) fn compose(quote: &Quote, entry: &Entry, policy: &Policy, links: &Links) -> Vec<Outgoing> {
    let correspondence = Correspondence { quote, offer: &quote.offer, policy, links };
    match (&entry.event, &quote.stage) {
        (Event::Submitted { revision, .. }, Stage::InReview) if *revision == quote.offer.revision => {
            vec![correspondence.review()]
        }
        (Event::Rejected { reason, .. }, Stage::Rejected) if !asked_again(quote, entry) => vec![correspondence.rejection(reason)],
        (Event::Issued { revision }, Stage::Issued) if *revision == quote.offer.revision => vec![correspondence.quote_copy()],
        (Event::Delivered { .. }, Stage::Delivered { delivery, .. }) => correspondence.delivered(delivery),
        // The quote has a later state.
        (Event::Submitted { .. } | Event::Rejected { .. } | Event::Issued { .. } | Event::Delivered { .. }, _) => Vec::new(),
        (Event::Approved { .. } | Event::PaymentFailed { .. }, _) => Vec::new(),
        (Event::Paid { .. } | Event::Withheld { .. } | Event::Refunded { .. }, _) => Vec::new(),
    }
}

/// Whether another revision was requested after this entry.
fn asked_again(quote: &Quote, entry: &Entry) -> bool {
    let later = quote.history.iter().filter(|later| later.seq > entry.seq);
    later.into_iter().any(|later| matches!(later.event, Event::Submitted { .. } | Event::Issued { .. }))
}

struct Correspondence<'a> {
    quote: &'a Quote,
    offer: &'a Offer,
    policy: &'a Policy,
    links: &'a Links,
}

impl Correspondence<'_> {
    fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.policy.wording.fill(&self.offer.locale, key, values)
    }

    fn text(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    fn total(&self) -> String {
        Money::new(self.offer.total, self.offer.currency).to_string()
    }

    /// The parts that all letters have.
    fn letter(&self, to: &Contact, subject: String, paragraphs: Vec<String>) -> Letter {
        let seller = &self.policy.seller;
        Letter {
            language: self.offer.locale.clone(),
            subject,
            greeting: self.fill("letter.greeting", &[("name", &to.name)]),
            paragraphs,
            items: Vec::new(),
            after: Vec::new(),
            action: None,
            small: Vec::new(),
            closing: self.text("letter.closing"),
            signature: seller.legal_name.clone(),
            support: self.fill("letter.support", &[("url", &seller.support_url)]),
        }
    }

    /// The order is in review, and this is the day by which it is decided (R33).
    fn review(&self) -> Outgoing {
        let to = self.offer.requester().clone();
        let number = self.quote.number.to_string();
        let due = self.offer.review_due.map(|due| due.to_string()).unwrap_or_default();
        let subject = self.fill("letter.review.subject", &[("number", &number)]);
        let reasons = self.offer.review.iter().map(|reason| self.text(reason.text_key()));
        let body = self.fill("letter.review.body", &[("number", &number), ("due", &due)]);
        let letter = self.letter(&to, subject, std::iter::once(body).chain(reasons).collect());
        Outgoing { role: "review".to_owned(), to, letter, document: None }
    }

    /// A reviewer has rejected the order, and this is the reason (R34).
    fn rejection(&self, reason: &str) -> Outgoing {
        let to = self.offer.requester().clone();
        let number = self.quote.number.to_string();
        let subject = self.fill("letter.rejection.subject", &[("number", &number)]);
        let body = self.fill("letter.rejection.body", &[("number", &number), ("reason", reason)]);
        let letter = self.letter(&to, subject, vec![body]);
        Outgoing { role: "rejection".to_owned(), to, letter, document: None }
    }

    /// The quote copy, only for the requester, because it shows the buying price (R22).
    fn quote_copy(&self) -> Outgoing {
        let (number, revision, total) = (self.quote.number.to_string(), self.offer.revision.to_string(), self.total());
        let subject = if self.offer.revision > 1 { "letter.quote.subject_revised" } else { "letter.quote.subject" };
        let subject =
            self.fill(subject, &[("number", &number), ("revision", &revision), ("seller", &self.policy.seller.legal_name)]);
        let pay = self.links.to(&self.quote.number, self.offer).pay();
        let by_form =
            [domain::payment::Method::Card, domain::payment::Method::Paypal].iter().any(|method| self.offer.admits(*method));
        let (invitation, label, url) = if by_form {
            ("letter.quote.pay", "letter.quote.button_pay", pay.clone())
        } else {
            ("letter.quote.pay_other", "letter.quote.button_view", self.links.to(&self.quote.number, self.offer).quote())
        };
        let to = self.offer.requester().clone();
        let valid_through = self.offer.valid_through.to_string();
        let body = self.fill("letter.quote.body", &[("number", &number), ("total", &total), ("valid_through", &valid_through)]);
        let parties = self.offer.reseller.as_ref().map(|reseller| {
            self.fill("letter.quote.customer", &[("company", &reseller.company), ("licensee", &self.offer.customer.company)])
        });
        let declined = self.offer.declined().map(|segment| {
            let name = self.policy.segment(segment).map_or(segment, |segment| &segment.name);
            self.fill("letter.quote.declined", &[("segment", name)])
        });
        let technical_contact = &self.offer.technical_contact;
        let receiver = [("name", technical_contact.name.as_str()), ("email", technical_contact.email.as_str())];
        let receiver = self.fill("letter.quote.technical_contact", &receiver);
        let parties = parties.into_iter().chain([receiver]);
        let paragraphs = std::iter::once(body).chain(parties).chain(declined).chain([self.text(invitation)]).collect();
        let mut letter = self.letter(&to, subject, paragraphs);
        letter.action = Some(Action { label: self.text(label), url });
        let private = if self.offer.reseller.is_some() { "letter.quote.private_reseller" } else { "letter.quote.private" };
        letter.small = vec![self.text(private)];
        let change = self.links.requester(&self.quote.number, self.offer);
        letter.small.extend(change.map(|url| self.fill("letter.quote.change", &[("url", &url)])));
        let document = Some(Document::quote(self.quote, self.policy, &pay));
        Outgoing { role: "quote".to_owned(), to, letter, document }
    }

    /// The purchase confirmations (R82): for the technical contact without price and invoice, for the purchaser with both.
    /// A person who is both gets one letter, as the purchaser.
    fn delivered(&self, delivery: &Delivery) -> Vec<Outgoing> {
        let receipt = self.receipt(delivery);
        let mut readers: Vec<(&Contact, Vec<Delivered>)> = Vec::new();
        for one in &delivery.entitlements {
            let reader = self.reader(one);
            match readers.iter_mut().find(|(known, _)| known.email == reader.email) {
                Some((_, theirs)) => theirs.push(one.clone()),
                None => readers.push((reader, vec![one.clone()])),
            }
        }
        let confirmation = |(reader, entitlements): (&Contact, Vec<Delivered>)| {
            let theirs = Delivery { entitlements, ..delivery.clone() };
            (reader.email != receipt.to.email).then(|| self.confirmation(reader, &theirs))
        };
        let mut letters: Vec<_> = readers.into_iter().filter_map(confirmation).collect();
        letters.push(receipt);
        letters
    }

    /// The technical contact of a delivered entitlement: of the existing entitlement if the order names one, else of the order.
    fn reader(&self, one: &Delivered) -> &Contact {
        let line = self.offer.lines.iter().find(|line| line.line == one.line);
        let held = line.and_then(|line| line.order.held.as_ref());
        held.and_then(|held| held.technical_contact.as_ref()).unwrap_or(&self.offer.technical_contact)
    }

    fn confirmation(&self, to: &Contact, delivery: &Delivery) -> Outgoing {
        let to = to.clone();
        // A technical contact whom the order does not name gets a separate letter, which needs a role of its own.
        let role = match delivery.entitlements.first() {
            Some(first) if to.email != self.offer.technical_contact.email => format!("confirmation-{}", first.line),
            _ => "confirmation".to_owned(),
        };
        let subject = self.fill("letter.confirmation.subject", &[("seller", &self.policy.seller.legal_name)]);
        let body = if self.offer.reseller.is_some() { "letter.confirmation.body" } else { "letter.confirmation.body_own" };
        let parties = [("purchaser", &*self.offer.bill_to().company), ("licensee", &self.offer.customer.company)];
        let mut letter = self.letter(&to, subject, vec![self.fill(body, &parties)]);
        letter.items = self.items(delivery);
        letter.after = self.keys_and_subscriptions("letter.confirmation.keys", delivery);
        letter.small = vec![self.fill("letter.confirmation.notice", &[("purchaser", &self.offer.bill_to().company)])];
        Outgoing { role, to, letter, document: None }
    }

    fn receipt(&self, delivery: &Delivery) -> Outgoing {
        let to = self.offer.requester().clone();
        let (number, total, invoice) = (self.quote.number.to_string(), self.total(), delivery.invoice.to_string());
        let subject = self.fill("letter.receipt.subject", &[("number", &number)]);
        let body = self.fill("letter.receipt.body", &[("number", &number), ("total", &total), ("invoice", &invoice)]);
        let technical_contact = &self.offer.technical_contact;
        let (introduction, keys) = if technical_contact.email == to.email {
            (self.text("letter.receipt.yours"), "letter.confirmation.keys")
        } else {
            (self.fill("letter.receipt.delivered", &[("name", &technical_contact.name)]), "letter.receipt.keys")
        };
        let mut letter = self.letter(&to, subject, vec![body, introduction]);
        letter.items = self.items(delivery);
        letter.after = self.keys_and_subscriptions(keys, delivery);
        letter.action = Some(Action {
            label: self.text("letter.receipt.button"),
            url: self.links.to(&self.quote.number, self.offer).quote(),
        });
        Outgoing { role: "receipt".to_owned(), to, letter, document: Document::invoice(self.quote, self.policy) }
    }

    /// Each entitlement with its SEN, by which support identifies it, and the link to its key if it has one.
    fn items(&self, delivery: &Delivery) -> Vec<Item> {
        let item = |one: &Delivered| {
            let line = self.offer.lines.iter().find(|line| line.line == one.line)?;
            // A letter states the last day that is covered. The stored end is the day after it.
            let end = one.end.unwrap_or_else(|| months_after(delivery.invoiced_on, line.order.months));
            let end = end.yesterday().unwrap_or(end).to_string();
            let key = match license::kind(line.deployment) {
                Kind::Perpetual => "entitlement.perpetual",
                Kind::Term => "entitlement.term",
                Kind::Subscription => "entitlement.subscription",
            };
            let text = self.fill(key, &[("product", &line.product_name), ("tier", &line.tier.to_string()), ("end", &end)]);
            Some(Item { sen: one.sen.to_string(), text, url: one.key.then(|| self.links.license(&one.sen)) })
        };
        delivery.entitlements.iter().filter_map(item).collect()
    }

    fn keys_and_subscriptions(&self, keys: &str, delivery: &Delivery) -> Vec<String> {
        let date = delivery.invoiced_on.to_string();
        let hosted = self.offer.lines.iter().any(|line| !line.deployment.is_self_managed());
        let keys = first_key(delivery).map(|_| self.text(keys));
        let subscriptions = hosted.then(|| self.fill("letter.confirmation.subscriptions", &[("date", &date)]));
        keys.into_iter().chain(subscriptions).collect()
    }
}

fn first_key(delivery: &Delivery) -> Option<&Delivered> {
    delivery.entitlements.iter().find(|one| one.key)
}
