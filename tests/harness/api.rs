//! The document of the API, `shared/contract/openapi.yaml`, held against everything that is asked and answered: what it
//! does not say fails the test that met it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::{Registry, Validator};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Answer;

const DOCUMENT: &str = include_str!("../../shared/contract/openapi.yaml");
const NAME: &str = "urn:sellthrough:openapi";

/// What the embedded deployment serves beside the API: the practice payment form, and its own pages.
const NOT_OF_THE_API: [&str; 2] = ["/pay/", "/local/"];

/// The document, with a validator for each of its schemas that was needed so far.
pub struct Api {
    document: Value,
    registry: Registry<'static>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// The document, read once.
pub fn api() -> &'static Api {
    static API: LazyLock<Api> = LazyLock::new(|| {
        let document: Value = serde_saphyr::from_str(DOCUMENT).unwrap_or_else(|error| panic!("openapi.yaml: {error}"));
        let registry = Registry::new().add(NAME, closed(&document)).and_then(|registry| registry.prepare());
        let registry = registry.unwrap_or_else(|error| panic!("openapi.yaml: {error}"));
        Api { document, registry, validators: Mutex::default() }
    });
    &API
}

/// The document without room for members that it does not name. Clients must accept new members of a response, so the document
/// leaves responses open; here, a member that is not in it is a mistake.
fn closed(document: &Value) -> Value {
    fn bases(value: &Value, found: &mut HashSet<String>) {
        let parts = value.as_object().into_iter().flatten().map(|(_, part)| part).chain(value.as_array().into_iter().flatten());
        parts.for_each(|part| bases(part, found));
        for base in value["allOf"].as_array().into_iter().flatten() {
            found.extend(base["$ref"].as_str().map(|to| to.rsplit('/').next().expect("a name").to_owned()));
        }
    }
    // What is combined is closed as a whole, and not part by part.
    fn close_members(part: &mut Value) {
        part.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten().for_each(|(_, member)| close(member));
    }
    fn close(value: &mut Value) {
        match value {
            Value::Object(schema) => {
                for (name, part) in schema.iter_mut() {
                    match part {
                        Value::Array(parts) if name == "allOf" => parts.iter_mut().for_each(close_members),
                        _ => close(part),
                    }
                }
                let is_schema = |name: &str| schema.get(name).is_some_and(|part| part.is_object() || part.is_array());
                let keyword = match (is_schema("allOf"), is_schema("properties")) {
                    (true, _) => "unevaluatedProperties",
                    (false, true) => "additionalProperties",
                    (false, false) => return,
                };
                schema.entry(keyword).or_insert(json!(false));
            }
            Value::Array(parts) => parts.iter_mut().for_each(close),
            _ => {}
        }
    }
    let (mut closed, mut open) = (document.clone(), HashSet::new());
    bases(document, &mut open);
    for (name, schema) in closed["components"]["schemas"].as_object_mut().expect("schemas") {
        match open.contains(name) {
            // It is closed where it is used.
            true => close_members(schema),
            false => close(schema),
        }
    }
    closed
}

/// A request, as far as the document speaks of it.
pub(crate) struct Asked {
    method: Method,
    path: String,
    media_type: String,
    body: Vec<u8>,
}

impl Asked {
    pub(crate) fn of(request: &reqwest::Request) -> Self {
        let media_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
        Self {
            method: request.method().clone(),
            path: request.url().path().to_owned(),
            media_type: essence(media_type.unwrap_or_default()),
            body: request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec(),
        }
    }
}

impl Api {
    /// The whole of it.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Every operation: its method and path, as `GET /v1/pricing`, and where it is.
    pub fn operations(&self) -> Vec<(String, String)> {
        let operations = |(path, item): (&String, &Value)| -> Vec<_> {
            let methods = ["get", "put", "post", "patch", "delete"].into_iter().filter(|method| item.get(method).is_some());
            let at = pointer("/paths", path);
            methods.map(|method| (format!("{} {path}", method.to_uppercase()), format!("{at}/{method}"))).collect()
        };
        self.members("/paths").flat_map(operations).collect()
    }

    /// What is wrong with a value by the schema at a JSON pointer.
    pub fn faults(&self, schema: &str, value: &Value) -> Vec<String> {
        let validator = self.validator(schema);
        let fault = |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
        validator.iter_errors(value).map(fault).collect()
    }

    fn validator(&self, schema: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = validators.entry(schema.to_owned()).or_insert_with(|| {
            let options = jsonschema::options().with_registry(&self.registry).should_validate_formats(true);
            // Paths have braces, and the fragments of references cannot.
            let fragment = schema.replace('{', "%7B").replace('}', "%7D");
            let compiled = options.build(&json!({ "$ref": format!("{NAME}#{fragment}") }));
            Arc::new(compiled.unwrap_or_else(|error| panic!("openapi.yaml, {schema}: {error}")))
        });
        Arc::clone(compiled)
    }

    /// What the document does not say about a request that was accepted, and about an answer.
    pub(crate) fn undocumented(&self, asked: &Asked, answer: &Answer) -> Vec<String> {
        if NOT_OF_THE_API.iter().any(|place| asked.path.starts_with(place)) {
            return Vec::new();
        }
        let mut faults = Vec::new();
        if answer.header("x-request-id").is_empty() {
            faults.push("the answer has no x-request-id".to_owned());
        }
        let path = self.path(&asked.path);
        let operation = path.map(|path| format!("{}/{}", pointer("/paths", path), asked.method.as_str().to_lowercase()));
        let response = match operation.as_deref().map(|operation| (operation, self.at(operation))) {
            None => "/components/responses/NotFound".to_owned(),
            Some((_, None)) => {
                faults.extend(other_method(answer));
                return faults;
            }
            Some((operation, Some(_))) => {
                if answer.status.is_success() {
                    faults.extend(self.unread(operation, asked, answer));
                }
                let response = format!("{operation}/responses/{}", answer.status.as_str());
                self.at(&response).map_or(format!("{operation}/responses/default"), |_| response)
            }
        };
        faults.extend(self.untold(&self.resolved(response), answer));
        faults
    }

    /// What the document does not say about the body of an accepted request.
    fn unread(&self, operation: &str, asked: &Asked, answer: &Answer) -> Vec<String> {
        let content = format!("{}/content", self.resolved(format!("{operation}/requestBody")));
        if self.at(&content).is_none() {
            return Vec::new();
        }
        // The content type of JSON is not looked at.
        let known = Some(pointer(&content, &asked.media_type)).filter(|at| self.at(at).is_some());
        let schema = self.resolved(format!("{}/schema", known.unwrap_or_else(|| pointer(&content, "application/json"))));
        let lines = format!("{schema}/contentSchema");
        let faults = match self.at(&lines) {
            None => self.faults(&schema, &sent(&asked.body)),
            Some(_) => accepted_lines(asked, answer).iter().flat_map(|line| self.faults(&lines, line)).collect(),
        };
        faults.into_iter().map(|fault| format!("accepted, but undocumented: {fault}")).collect()
    }

    /// What the document does not say about an answer.
    fn untold(&self, response: &str, answer: &Answer) -> Vec<String> {
        if self.at(response).is_none() {
            return vec!["no such status".to_owned()];
        }
        let required = |(name, _): &(&String, &Value)| {
            let header = self.resolved(pointer(&format!("{response}/headers"), name));
            self.at(&format!("{header}/required")) == Some(&json!(true)) && !answer.headers.contains_key(name.as_str())
        };
        let absent = self.members(&format!("{response}/headers")).filter(required);
        let mut faults: Vec<_> = absent.map(|(name, _)| format!("the header {name} is missing")).collect();
        let media_type = essence(answer.header("content-type"));
        let content = pointer(&format!("{response}/content"), &media_type);
        let schema = format!("{content}/schema");
        if self.at(&content).is_none() {
            faults.push(format!("no such content type: {media_type}"));
        } else if media_type.ends_with("json") {
            faults.extend(self.faults(&schema, &answer.json()));
        }
        if media_type == "application/problem+json" {
            faults.extend(self.undocumented_codes(response, answer));
        }
        faults
    }

    /// The codes of a problem that its response does not list, and a status that does not belong to its code.
    fn undocumented_codes(&self, response: &str, answer: &Answer) -> Vec<String> {
        let problem = answer.json();
        let listed = self.at(&format!("{response}/x-codes")).and_then(Value::as_array).cloned().unwrap_or_default();
        let codes = problem["errors"].as_array().into_iter().flatten().map(|fault| &fault["code"]).chain([&problem["code"]]);
        let unlisted = codes.filter(|code| !listed.contains(code)).map(|code| format!("no such code: {code}"));
        let mut faults: Vec<_> = unlisted.collect();
        let code = problem["code"].as_str().unwrap_or_default();
        let status = self.at(&format!("/components/schemas/ProblemCode/x-enumStatuses/{code}"));
        if problem["status"] != json!(answer.status.as_u16()) || status != Some(&problem["status"]) {
            faults.push(format!("{code} with the status {}", answer.status));
        }
        faults
    }

    /// The path of the document that a request is for: of two, the one with fewer places to fill in.
    fn path(&self, asked: &str) -> Option<&String> {
        let fits = |path: &&String| {
            let (known, given) = (path.split('/'), asked.split('/'));
            let fits = |(known, given): (&str, &str)| known == given || (known.starts_with('{') && !given.is_empty());
            known.clone().count() == given.clone().count() && known.zip(given).all(fits)
        };
        let paths = self.members("/paths").map(|(path, _)| path);
        paths.filter(fits).min_by_key(|path| path.matches('{').count())
    }

    /// What is at a JSON pointer.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.document.pointer(pointer)
    }

    /// The members of the object at a JSON pointer; none where there is none.
    pub fn members(&self, pointer: &str) -> impl Iterator<Item = (&String, &Value)> + use<'_> {
        self.at(pointer).and_then(Value::as_object).into_iter().flatten()
    }

    /// Where a place leads that may be a reference and nothing else.
    pub fn resolved(&self, mut at: String) -> String {
        while let Some(to) = self.at(&format!("{at}/$ref")).and_then(Value::as_str) {
            to.strip_prefix('#').expect("references stay in the document").clone_into(&mut at);
        }
        at
    }
}

/// The place of a member, by its name.
pub fn pointer(object: &str, name: &str) -> String {
    format!("{object}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A media type without its parameters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What is wrong with the answer to a method that a path does not have. No operation returns it.
fn other_method(answer: &Answer) -> Vec<String> {
    let mut faults = Vec::new();
    if answer.status != 405 || answer.json()["code"] != "method_not_allowed" {
        faults.push(format!("another method is not 405, but {}", answer.status));
    }
    if answer.header("allow").is_empty() {
        faults.push("the header Allow is missing".to_owned());
    }
    faults
}

fn sent(body: &[u8]) -> Value {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    serde_json::from_slice(body).expect("what was accepted is JSON")
}

/// The lines of a batch that were not refused.
fn accepted_lines(asked: &Asked, answer: &Answer) -> Vec<Value> {
    let report = answer.json();
    let accepted = report["lines"].as_array().into_iter().flatten().filter(|line| line["outcome"] != "refused");
    let numbers = accepted.filter_map(|line| usize::try_from(line["line"].as_u64()?).ok());
    let lines: Vec<_> = asked.body.split(|&byte| byte == b'\n').collect();
    numbers.filter_map(|number| lines.get(number - 1)).map(|line| sent(line)).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};

    use super::*;
    use crate::{example, with};

    const PREVIEW: &str = "/v1/quotes/preview";

    fn asked(method: Method, path: &str, body: &Value) -> Asked {
        Asked { method, path: path.to_owned(), media_type: "application/json".to_owned(), body: body.to_string().into_bytes() }
    }

    /// An answer with these headers beside its content type and its request's id.
    fn answered(status: u16, content_type: &str, headers: &[(&'static str, &str)], body: &Value) -> Answer {
        let always = [("content-type", content_type), ("x-request-id", "1")];
        let headers = headers.iter().chain(&always);
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: headers.map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect(),
            body: body.to_string().into_bytes(),
        }
    }

    fn problem(status: u16, code: &str) -> Value {
        let kind = format!("urn:sellthrough:problem:{code}");
        json!({"type": kind, "title": "No", "status": status, "code": code, "detail": "No.", "request_id": "1"})
    }

    fn refused(status: u16, code: &str, headers: &[(&'static str, &str)]) -> Answer {
        answered(status, "application/problem+json", headers, &problem(status, code))
    }

    #[track_caller]
    fn assert_documented(asked: &Asked, answer: &Answer) {
        assert_eq!(api().undocumented(asked, answer), [""; 0]);
    }

    #[track_caller]
    fn assert_noticed(asked: &Asked, answer: &Answer, what: &str) {
        let noticed = api().undocumented(asked, answer);
        assert!(noticed.iter().any(|fault| fault.contains(what)), "{noticed:#?}");
    }

    #[test]
    fn an_answer_is_as_its_operation_says() {
        let view = asked(Method::GET, "/v1/quotes/Q-7KQ4-M9XTC", &Value::Null);
        let quote = api().at("/components/examples/quote/value").expect("an example");
        let json = "application/json; charset=utf-8";
        assert_documented(&view, &answered(200, json, &[], quote));
        assert_noticed(&view, &answered(200, json, &[], &with(quote, [("/coupon", json!(1))])), "coupon");
        assert_noticed(&view, &answered(200, json, &[], &with(quote, [("/lines/0/amount", json!("1"))])), "/lines/0/amount");
        assert_noticed(&view, &answered(200, json, &[], &with(quote, [("/valid_through", json!("soon"))])), "/valid_through");
        assert_noticed(&view, &answered(200, "text/plain", &[], quote), "no such content type: text/plain");
        let anonymous = Answer { headers: HeaderMap::new(), ..answered(200, json, &[], quote) };
        assert_noticed(&view, &anonymous, "x-request-id");
    }

    #[test]
    fn a_status_and_a_code_belong_to_their_operation() {
        let (view, preview) = (asked(Method::GET, "/v1/quotes/Q-1", &Value::Null), asked(Method::POST, PREVIEW, &example()));
        assert_documented(&view, &refused(404, "not_found", &[]));
        assert_noticed(&view, &refused(409, "quote_paid", &[]), "no such code: \"quote_paid\"");
        assert_noticed(&view, &refused(404, "gone", &[]), "no such code: \"gone\"");
        assert_noticed(&view, &refused(404, "url_malformed", &[]), "url_malformed with the status 404");
        assert_documented(&preview, &refused(429, "too_many_requests", &[("retry-after", "60")]));
        assert_noticed(&preview, &refused(429, "too_many_requests", &[]), "Retry-After is missing");
        assert_documented(&view, &refused(503, "unavailable", &[]));
    }

    #[test]
    fn missing_objects_and_paths_outside_the_api_are_distinguished() {
        let ask = |method, path| asked(method, path, &Value::Null);
        assert_documented(&ask(Method::GET, "/v1/quotes/"), &refused(404, "not_found", &[]));
        assert_noticed(
            &ask(Method::GET, "/v1/reports"),
            &answered(200, "application/json", &[], &json!({})),
            "no such content type",
        );
        assert_documented(&ask(Method::GET, PREVIEW), &refused(405, "method_not_allowed", &[("allow", "POST")]));
        assert_noticed(&ask(Method::GET, PREVIEW), &refused(405, "method_not_allowed", &[]), "Allow is missing");
        assert_documented(&ask(Method::GET, "/local/inbox"), &answered(200, "text/html", &[], &json!("")));
    }

    #[test]
    fn what_was_accepted_is_documented() {
        let quote = api().at("/components/examples/quote/value").expect("an example");
        let only_issued = [("/number", Value::Null), ("/status", Value::Null), ("/links", Value::Null), ("/history", json!([]))];
        let answer = answered(200, "application/json", &[], &with(quote, only_issued));
        let ask = |changes: &[(&'static str, Value)]| asked(Method::POST, PREVIEW, &with(&example(), changes.iter().cloned()));
        assert_documented(&ask(&[]), &answer);
        let mut left_out = example();
        left_out["notes"] = Value::Null;
        assert_documented(&asked(Method::POST, PREVIEW, &left_out), &answer);
        assert_noticed(&ask(&[("/coupon", json!("HALF"))]), &answer, "coupon");
        assert_noticed(&ask(&[("/customer", Value::Null)]), &answer, "customer");
        assert_noticed(&ask(&[("/lines/0/sen", json!("SEN-1"))]), &answer, "/lines/0");
    }

    #[test]
    fn the_lines_of_a_batch_that_came_in_are_documented() {
        let line = |more: &Value| {
            let mut line = crate::imported("tracker-server", 25, "2027-01-01");
            line.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            line
        };
        let (sound, odd) = (line(&json!({"sen": "SEN-4MRX7-PQ2HVW"})), line(&json!({"sen": "SEN-4MRX7-PQ2HVW", "key": 1})));
        let batch = |outcome: &str| {
            let body = format!("{sound}\n\n{odd}").into_bytes();
            let outcomes = json!([{"line": 1, "outcome": "created"}, {"line": 3, "outcome": outcome}]);
            let report = json!({"lines": outcomes, "created": 1, "updated": 0, "unchanged": 0, "refused": 1});
            let asked = asked(Method::POST, "/v1/desk/entitlements", &Value::Null);
            let asked = Asked { media_type: "application/jsonl".to_owned(), body, ..asked };
            (asked, answered(200, "application/json", &[], &report))
        };
        let (asked, answer) = batch("refused");
        assert_documented(&asked, &answer);
        let (asked, answer) = batch("created");
        assert_noticed(&asked, &answer, "key");
    }
}
