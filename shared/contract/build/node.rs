//! A YAML document in the order in which it is written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A text, a number, a flag or `null`, as text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object.
    Object(Vec<(String, Node)>),
}

static NOTHING: Node = Node::Object(Vec::new());

impl Node {
    /// The member of an object; an empty object when there is none.
    pub(crate) fn get(&self, name: &str) -> &Self {
        self.find(name).unwrap_or(&NOTHING)
    }

    /// The member of an object.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The members of an object.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    /// The entries of a list.
    pub(crate) fn entries(&self) -> &[Self] {
        if let Self::List(entries) = self { entries } else { &[] }
    }

    /// The text; empty for an object and for a list.
    pub(crate) fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// The node to which a `$ref` in this node leads, or this node.
    pub(crate) fn resolved<'n>(&'n self, document: &'n Self) -> &'n Self {
        let reference = self.get("$ref").text();
        match reference.strip_prefix("#/") {
            None => self,
            Some(path) => path.split('/').fold(document, |node, name| node.get(name)).resolved(document),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Text("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut read = Vec::new();
        while let Some(entry) = entries.next_element()? {
            read.push(entry);
        }
        Ok(Node::List(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut read = Vec::new();
        while let Some((Node::Text(name), value)) = members.next_entry::<Node, Node>()? {
            read.push((name, value));
        }
        Ok(Node::Object(read))
    }
}
