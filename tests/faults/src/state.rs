//! What there is in the end, without what differs between any two runs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use local::engine;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{
    scene::Scene,
    story::{Responses, reveal},
};

/// The responses to callers, the stored items and the sent letters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    responses: BTreeMap<String, Value>,
    items: BTreeMap<String, Value>,
    /// One entry for each letter, under its Message-ID and recipient.
    letters: Vec<(String, Value)>,
}

impl State {
    /// What has come of a story.
    pub(crate) async fn of(scene: &Scene, responses: Responses) -> Self {
        let own = Own::of(scene, &responses);
        let anyone = |(what, value): (String, Value)| (own.anyone_s(&what), own.anyone_s_value(&value));
        let (mut items, mut letters) = (items(scene).await, letters(scene).await);
        without_overtaken(&mut items, &mut letters);
        let mut letters: Vec<_> = letters.into_iter().map(anyone).collect();
        letters.sort_by(|one, other| one.0.cmp(&other.0));
        // A policy's files contain patterns that look like numbers. They are the same in every run and stay.
        let stored = |(key, value): (String, Value)| if key.starts_with("POLICY#") { (key, value) } else { anyone((key, value)) };
        let items = items.into_iter().map(stored).collect();
        Self { responses: responses.into_iter().map(anyone).collect(), items, letters }
    }

    /// How many items and letters there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.items.len(), self.letters.len())
    }

    /// Everything in which `self` is not as `expected`.
    pub(crate) fn differences(&self, expected: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (what, is, should) in [("returned", &self.responses, &expected.responses), ("stored", &self.items, &expected.items)] {
            for key in is.keys().chain(should.keys()).collect::<BTreeSet<_>>() {
                let text = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
                found.extend(difference(&format!("{what}: {key}"), &text(is.get(key)), &text(should.get(key))));
            }
        }
        for id in self.letters.iter().chain(&expected.letters).map(|(id, _)| id).collect::<BTreeSet<_>>() {
            let of = |state: &Self| -> Vec<String> {
                state.letters.iter().filter(|(other, _)| other == id).map(|(_, letter)| letter.to_string()).collect()
            };
            let (is, should) = (of(self), of(expected));
            if is.len() != should.len() {
                found.push(format!("sent: {id}: {} times instead of {}", is.len(), should.len()));
            }
            found.extend(is.iter().zip(&should).filter_map(|(is, should)| difference(&format!("sent: {id}"), is, should)));
        }
        found
    }
}

/// What is a run's own, and what stands for it in all of them.
struct Own(Vec<(String, String)>);

impl Own {
    /// Its address; and which quote has which invoice's number, for who is delivered first has the first.
    fn of(scene: &Scene, responses: &Responses) -> Self {
        let address = scene.deployment.url().trim_start_matches("http://").to_owned();
        let invoice = |quote: &Value| {
            let (number, invoice) = (quote["number"].as_str()?, quote["invoice"].as_str()?);
            Some((invoice.to_owned(), format!("the invoice of {number}")))
        };
        Self(responses.iter().filter_map(|(_, value)| invoice(value)).chain([(address, "deployment".to_owned())]).collect())
    }

    fn anyone_s(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (own, anyone_s)| text.replace(own, anyone_s))
    }

    fn anyone_s_value(&self, value: &Value) -> Value {
        serde_json::from_str(&self.anyone_s(&value.to_string())).expect("it is all inside of texts")
    }
}

/// Two texts from the place on where they differ, if they do.
fn difference(of: &str, is: &str, should: &str) -> Option<String> {
    let same = is.chars().zip(should.chars()).take_while(|(is, should)| is == should).count();
    let from_there = |text: &str| text.chars().skip(same.saturating_sub(40)).take(200).collect::<String>();
    (is != should).then(|| format!("{of}\n    is     …{}\n    should …{}", from_there(is), from_there(should)))
}

/// The letters that a later state of the quote makes untrue: the copy asks for payment, and the other announces a review.
const OVERTAKEN: [&str; 2] = ["quote", "review"];

/// Leaves out these letters of quotes that have changed since they were issued or submitted, and the notes of these letters. Such
/// a letter is sent unless the payment, the revision or the decision comes first, which differs from run to run. None is sent
/// twice.
fn without_overtaken(items: &mut BTreeMap<String, Value>, letters: &mut Vec<(String, Value)>) {
    let number = |(key, item): (&String, &Value)| {
        let number = key.strip_prefix("QUOTE#")?.strip_suffix(" QUOTE")?;
        (item["version"].as_u64()? > 1).then(|| number.to_owned())
    };
    let changed: BTreeSet<String> = items.iter().filter_map(number).collect();
    let note = |key: &str| {
        let (number, letter) = key.strip_prefix("QUOTE#")?.split_once(" LETTER#")?;
        let (_, role) = letter.split_once('#')?;
        OVERTAKEN.contains(&role).then(|| number.to_owned())
    };
    items.retain(|key, _| note(key).is_none_or(|number| !changed.contains(&number)));
    let letter = |id: &str| {
        let (number, rest) = id.strip_prefix('<')?.split_once('@')?.0.split_once('.')?;
        let (_, role) = rest.split_once('.')?;
        OVERTAKEN.contains(&role).then(|| number.to_owned())
    };
    let overtaken = letters.extract_if(.., |(id, _)| letter(id).is_some_and(|number| changed.contains(&number)));
    let overtaken: Vec<String> = overtaken.map(|(id, _)| id).collect();
    let sent = overtaken.iter().collect::<BTreeSet<_>>().len();
    assert_eq!(sent, overtaken.len(), "a letter was sent twice: {overtaken:?}");
}

/// The table, read past microburst, by partition and sort key.
async fn items(scene: &Scene) -> BTreeMap<String, Value> {
    let client = engine::client(scene.ground.engine.endpoint()).expect("TLS");
    let scan = client.scan().table_name(scene.deployment.store().table()).consistent_read(true).into_paginator().items().send();
    let items = scan.collect::<Result<Vec<_>, _>>().await.expect("the table can be read");
    let mut kept = BTreeMap::new();
    let mut entries: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for item in items {
        let mut item: Map<String, Value> = item.iter().map(|(name, value)| (name.clone(), plain(name, value))).collect();
        let text = |name: &str| item[name].as_str().expect("keys are texts").to_owned();
        let (pk, sk) = (text("pk"), text("sk"));
        // Asking is counted as often as it was asked, and an answer that was lost may count twice.
        if pk.starts_with("LIMIT#") {
            continue;
        }
        // Every put has a mark of its own, and the post office an id of its own for every letter.
        item.remove("mark");
        if item.contains_key("accepted_as") {
            item.insert("accepted_as".to_owned(), json!("by the post office"));
        }
        // Entries of one instant are distinguished by a random part.
        match sk.strip_prefix("AUDIT#").and_then(|sk| sk.split_once('#')) {
            Some((at, _)) => {
                item.remove("sk");
                if let Some(body) = item.get_mut("body").and_then(Value::as_object_mut) {
                    body.remove("unique");
                }
                entries.entry(format!("{pk} AUDIT#{at}")).or_default().push(item.into());
            }
            None => drop(kept.insert(format!("{pk} {sk}"), item.into())),
        }
    }
    for (place, mut entries) in entries {
        let reveals = entries.extract_if(.., |entry| entry["kind"] == "reveal").collect::<Vec<_>>();
        if let Some(first) = reveals.first() {
            let sen = first["pk"].as_str().and_then(|pk| pk.strip_prefix("LICENSE#")).expect("a licence's key").to_owned();
            kept.insert(format!("{place} reveals"), revealed(scene, &sen, &reveals));
        }
        entries.sort_by_key(Value::to_string);
        kept.extend(entries.into_iter().enumerate().map(|(n, entry)| (format!("{place} {n}"), entry)));
    }
    kept
}

/// The record of who saw a licence's key. It is written before the key is shown, so a caller who received 503 may be recorded
/// without having seen the key: at most once for each 503.
fn revealed(scene: &Scene, compact: &str, notes: &[Value]) -> Value {
    let sen = format!("SEN-{}-{}", &compact[..5], &compact[5..]);
    let people: BTreeSet<_> = notes.iter().map(|note| note["subject"].as_str().expect("who it was")).collect();
    let most = people.len() + scene.refused(&reveal(&sen));
    assert!(notes.len() <= most, "{sen}: {} notes that its key was seen, of at most {most}", notes.len());
    json!(people)
}

/// A value as JSON; a body as what is in it.
fn plain(name: &str, value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) if name == "body" => serde_json::from_str(text).expect("a body is JSON"),
        AttributeValue::S(text) => text.clone().into(),
        AttributeValue::N(number) => serde_json::from_str(number).expect("a number"),
        other => format!("{other:?}").into(),
    }
}

/// Every letter that the post office took, with the text of its PDF.
async fn letters(scene: &Scene) -> Vec<(String, Value)> {
    let inbox = scene.request(Method::GET, "/local/inbox?limit=1000").header("accept", "application/json");
    let inbox: Value = inbox.send().await.expect("the inbox").json().await.expect("letters");
    let mut letters = Vec::new();
    for letter in inbox["messages"].as_array().expect("letters") {
        let mut letter = letter.clone();
        let file = scene.ground.data().join("mail").join(format!("{}.eml", letter["id"].as_str().expect("an id")));
        let message = std::fs::read_to_string(file).expect("a letter is a file");
        let id = message.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("a Message-ID");
        let id = format!("{id} to {}", letter["to"].as_str().expect("a recipient"));
        for attachment in letter["attachments"].as_array_mut().expect("attachments") {
            let pdf = scene.request(Method::GET, attachment["url"].as_str().expect("an address")).send().await;
            let pdf = pdf.expect("an attachment").bytes().await.expect("a PDF");
            attachment["url"] = tests::pdf::pages(&pdf).into();
            // Another number of the same length may be compressed to another size.
            attachment["size"].take();
        }
        letter["id"].take();
        letters.push((id, letter));
    }
    letters
}
