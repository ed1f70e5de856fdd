//! Reads a JSON body to its end, and reports all faults at once: every member of a wrong type and every unknown member, each
//! with its JSON pointer (RFC 6901).

use std::{collections::BTreeMap, fmt};

use domain::{Code, Refusal, fault::Faults, request::MAX_LINES};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category};

const TEXT: &str = "This must be a text in quotation marks.";

/// A JSON value in which no object has a member twice. Of two members, one would be ignored silently.
pub(crate) struct Strict(pub(crate) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading).map(Self)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // Kept as it is written: a count may be written as `500.0`, and an amount of money may not.
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(Strict(value)) = values.next_element()? {
            read.push(value);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, _>()? {
            if read.insert(name, value).is_some() {
                return Err(de::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(read))
    }
}

/// A text in UTF-8 without its byte-order mark, which editors and spreadsheets put before it. RFC 8259 lets a reader skip it.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The value of a body. `Err`: the body is not JSON, or an object has a member twice.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    let body = without_mark(body);
    match serde_json::from_slice(body) {
        Ok(Strict(value)) => Ok(value),
        Err(error) => Err(Refusal::new(Code::MalformedJson, not_json(body, &error))),
    }
}

/// What is wrong with a body that is not JSON, and where. For a body of one line, such as a line of a batch, only the column is
/// given.
fn not_json(body: &[u8], error: &serde_json::Error) -> String {
    if body.trim_ascii().is_empty() {
        return "The body is empty. Send a JSON object.".to_owned();
    }
    if body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        return "The body is in UTF-16. Send it in UTF-8.".to_owned();
    }
    let what = match error.classify() {
        Category::Data => "An object has a member twice",
        Category::Eof => "The JSON ends too early",
        // The library distinguishes these two errors from others only by their texts.
        _ if error.to_string().starts_with("recursion limit exceeded") => "The JSON is nested too deeply",
        _ if error.to_string().starts_with("number out of range") => "The JSON has a number that is too large",
        _ => "This is not JSON",
    };
    let column = error.column();
    match body.trim_ascii_end().contains(&b'\n') {
        true => format!("{what}: see line {}, column {column}.", error.line()),
        false => format!("{what}: see column {column}."),
    }
}

/// A body's object as `read` reads it, with the faults of its form.
pub(crate) fn read<T>(body: &[u8], read: impl FnOnce(&mut Object<'_, '_>) -> T) -> Result<(T, Faults), Refusal> {
    let value = parse(body)?;
    let mut faults = Faults::default();
    let read = Object::new(&value, String::new(), &mut faults).finish(read);
    Ok((read, faults))
}

/// An object being read. A member that was not read by the end is a fault, so that nothing is ignored silently.
pub(crate) struct Object<'v, 'f> {
    pointer: String,
    members: Option<&'v Map<String, Value>>,
    known: Vec<&'static str>,
    faults: &'f mut Faults,
}

impl<'v, 'f> Object<'v, 'f> {
    /// Reads `value` at `pointer`.
    pub(crate) fn new(value: &'v Value, pointer: String, faults: &'f mut Faults) -> Self {
        if !value.is_object() {
            faults.add(Code::WrongType, &*pointer, "This must be an object.");
        }
        Self { pointer, members: value.as_object(), known: Vec::new(), faults }
    }

    /// A member's value. JSON's `null` is the same as an absent member.
    fn member(&mut self, name: &'static str) -> Option<&'v Value> {
        self.known.push(name);
        self.members?.get(name).filter(|value| !value.is_null())
    }

    /// A member's value, read with `read`. If `read` returns `None`, the type is wrong, which is a fault.
    fn kind<T>(&mut self, name: &'static str, read: impl FnOnce(&'v Value) -> Option<T>, wanted: &str) -> Option<T> {
        let value = self.member(name)?;
        let read = read(value);
        if read.is_none() {
            self.faults.add(Code::WrongType, format_args!("{}/{name}", self.pointer), wanted);
        }
        read
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.kind(name, Value::as_str, TEXT).map(str::to_owned)
    }

    /// A count. Some programs write a whole number as `500.0` or `5e2`.
    pub(crate) fn integer(&mut self, name: &'static str) -> Option<i64> {
        let value = self.member(name)?;
        let read = value.as_i64().or_else(|| whole(value));
        if read.is_none() {
            // From 2⁵³ on, every number is a whole one.
            let beyond = value.as_f64().is_some_and(|number| number.abs() >= 9e15);
            let (code, detail) = match beyond {
                true => (Code::ValueInvalid, "This number is out of range."),
                false if value.is_number() => (Code::WrongType, "This must be a whole number, without a fraction."),
                false => (Code::WrongType, "This must be a whole number, without quotation marks."),
            };
            self.faults.add(code, format_args!("{}/{name}", self.pointer), detail);
        }
        read
    }

    /// `true` or `false`; `false` when it is absent.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        self.kind(name, Value::as_bool, "This must be `true` or `false`, without quotation marks.").unwrap_or_default()
    }

    /// An object; `None` when it is absent.
    pub(crate) fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Object<'_, '_>) -> T) -> Option<T> {
        let value = self.member(name)?;
        let mut object = Object::new(value, format!("{}/{name}", self.pointer), self.faults);
        Some(object.finish(read))
    }

    /// An array; empty when it is absent. It is cut to one element more than a request may have: enough for the rules to see
    /// that there are too many.
    fn array(&mut self, name: &'static str) -> &'v [Value] {
        let values = self.kind(name, Value::as_array, "This must be an array.").map_or(&[][..], Vec::as_slice);
        &values[..values.len().min(MAX_LINES + 1)]
    }

    /// An array of objects; empty when it is absent.
    pub(crate) fn objects<T>(&mut self, name: &'static str, mut read: impl FnMut(&mut Object<'_, '_>) -> T) -> Vec<T> {
        let values = self.array(name);
        let mut read_one = |(i, value)| {
            let pointer = format!("{}/{name}/{i}", self.pointer);
            Object::new(value, pointer, self.faults).finish(&mut read)
        };
        values.iter().enumerate().map(&mut read_one).collect()
    }

    /// An array of texts; empty when it is absent. An element that is not a text is a fault and is read as an empty text.
    pub(crate) fn texts(&mut self, name: &'static str) -> Vec<String> {
        let values = self.array(name);
        let mut read_one = |(i, value): (usize, &Value)| {
            let text = value.as_str();
            if text.is_none() {
                self.faults.add(Code::WrongType, format_args!("{}/{name}/{i}", self.pointer), TEXT);
            }
            text.unwrap_or_default().to_owned()
        };
        values.iter().enumerate().map(&mut read_one).collect()
    }

    /// An object whose members the sender names, each a text; `None` when it is absent. A member that is not a text is a fault
    /// and is left out.
    pub(crate) fn named_texts(&mut self, name: &'static str) -> Option<BTreeMap<String, String>> {
        let members = self.kind(name, Value::as_object, "This must be an object.")?;
        let mut texts = BTreeMap::new();
        for (named, value) in members {
            match value.as_str() {
                Some(text) => drop(texts.insert(named.clone(), text.to_owned())),
                None => self.faults.add(Code::WrongType, format_args!("{}/{name}/{}", self.pointer, escaped(named)), TEXT),
            }
        }
        Some(texts)
    }

    /// Reads the object with `read`. Members that `read` did not read are faults.
    pub(crate) fn finish<T>(&mut self, read: impl FnOnce(&mut Object<'_, '_>) -> T) -> T {
        let read = read(self);
        for name in self.members.into_iter().flat_map(Map::keys).filter(|name| !self.known.contains(&name.as_str())) {
            let detail = format!("This member is unknown here. The known members are: {}.", self.known.join(", "));
            let pointer = format!("{}/{}", self.pointer, escaped(name));
            self.faults.add_allowing(Code::UnknownMember, pointer, detail, self.known.iter().copied());
        }
        read
    }
}

/// A whole number that is written with a fraction or an exponent. Below 9·10¹⁵ the conversion is exact.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
    Some(number as i64)
}

/// A member's name in a JSON pointer (RFC 6901), cut to 64 characters.
pub(crate) fn escaped(name: &str) -> String {
    name.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1")
}
