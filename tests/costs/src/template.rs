//! What the template says that bears on the bill: how much memory a function has, which stream records it is started for, and
//! what costs something by merely being there.

use std::error::Error;

use serde_json::Value;

const TEMPLATE: &str = include_str!("../../../infra/aws/template.yaml");

/// The lines of a block that begins with a key so many spaces deep.
fn block(depth: usize, key: &str) -> Result<Vec<&'static str>, String> {
    let deeper = |line: &&str| line.trim().is_empty() || line.starts_with(&" ".repeat(depth + 1));
    let mut lines = TEMPLATE.lines().skip_while(|line| *line != format!("{}{key}:", " ".repeat(depth)));
    lines.next().ok_or_else(|| format!("infra/aws/template.yaml has no {key}"))?;
    Ok(lines.take_while(deeper).map(str::trim).collect())
}

/// The logical id of a function, or of its mapping to the stream.
fn id(function: &str, kind: &str) -> String {
    let (first, rest) = function.split_at(1);
    format!("{}{rest}{kind}", first.to_uppercase())
}

/// A function's memory in MB: its own, or what all have.
pub(crate) fn memory(function: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
    let own = block(2, &id(function, ""))?;
    let lines = own.into_iter().chain(block(0, "Globals")?);
    let size = lines.filter_map(|line| line.strip_prefix("MemorySize: ")).find_map(|size| size.split(' ').next());
    Ok(size.ok_or_else(|| format!("infra/aws/template.yaml gives {function} no memory"))?.parse()?)
}

/// How many resources of a kind there are, such as `AWS::CloudWatch::Alarm`.
pub(crate) fn resources(kind: &str) -> usize {
    TEMPLATE.lines().filter(|line| line.trim().strip_prefix("Type: ") == Some(kind)).count()
}

/// Whether each route has metrics of its own, which are charged for.
pub(crate) fn has_metrics_by_route() -> bool {
    TEMPLATE.lines().any(|line| line.trim() == "DetailedMetricsEnabled: true")
}

/// How often in a month of 30 days the clock starts something: `rate(15 minutes)`.
pub(crate) fn rounds_a_month() -> Result<u32, Box<dyn Error + Send + Sync>> {
    let rates =
        TEMPLATE.lines().filter_map(|line| line.trim().strip_prefix("ScheduleExpression: rate(")?.strip_suffix(" minutes)"));
    let rates = rates.map(str::parse::<u32>).collect::<Result<Vec<_>, _>>()?;
    match rates[..] {
        [minutes] if minutes > 0 => Ok(30 * 24 * 60 / minutes),
        _ => Err("infra/aws/template.yaml has another schedule than one rate in minutes".into()),
    }
}

/// Which stream records a function is started for.
pub(crate) struct Filter(Vec<Value>);

impl Filter {
    /// The filter of a function's mapping to the stream.
    pub(crate) fn of(function: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let lines = block(2, &id(function, "Events"))?;
        let patterns = lines.iter().filter_map(|line| line.strip_prefix("- Pattern: '")?.strip_suffix('\''));
        Ok(Self(patterns.map(serde_json::from_str).collect::<Result<_, _>>()?))
    }

    /// Whether any of its patterns matches a record.
    pub(crate) fn passes(&self, record: &Value) -> bool {
        self.0.iter().any(|pattern| matches(pattern, record))
    }
}

/// The part of Lambda's filter syntax that the template uses: objects of lists, of which one value must be there. Any other
/// condition is an object in a list, and equals nothing that a record holds.
fn matches(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(members) => members.iter().all(|(name, pattern)| matches(pattern, &value[name])),
        Value::Array(wanted) => wanted.contains(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_function_has_its_own_memory_or_that_of_all() {
        let memory = |function| memory(function).expect("a function of the template");
        assert!(memory("notifications") > memory("payments"), "typesetting takes more");
    }

    #[test]
    fn each_function_is_started_for_items_whose_next_work_is_its_own() {
        let passes = |function: &str, event: &str, kind: &str, next: &str| {
            let image = json!({"kind": {"S": kind}, "owed": {"S": next}, "version": {"N": "1"}});
            let record = json!({"eventName": event, "dynamodb": {"NewImage": image, "OldImage": {}}});
            Filter::of(function).expect("a filter").passes(&record)
        };
        assert!(passes("issuance", "MODIFY", "quote", "fulfilment") && passes("notifications", "INSERT", "quote", "letters"));
        assert!(!passes("issuance", "MODIFY", "quote", "letters") && !passes("notifications", "MODIFY", "quote", "fulfilment"));
        assert!(passes("notifications", "INSERT", "invoice", "letters"), "of whatever kind");
        assert!(!passes("issuance", "REMOVE", "quote", "fulfilment"));
        for function in ["issuance", "notifications"] {
            let image = json!({"kind": {"S": "receipt"}, "version": {"N": "1"}});
            let record = json!({"eventName": "MODIFY", "dynamodb": {"NewImage": image, "OldImage": {}}});
            assert!(!Filter::of(function).expect("a filter").passes(&record), "an item without pending work");
        }
    }
}
