//! The document of the API says what there is: every route with who may call it, every problem code with its status, and
//! examples that are the real ones. What is asked and answered is held against it in every journey.

use std::collections::{BTreeMap, BTreeSet};

use contract::Problem;
use domain::{Code, payment, policy::LineKind};
use reqwest::Method;
use runtime::routes::Route;
use serde_json::{Value, json};
use tests::{
    NOW, World,
    api::{api, pointer},
    plain_vendor, sen,
};

use super::{
    routes::{ROUTES, served},
    sources::{read, root, workspace},
};

/// How the document states an authority.
fn security(authority: &str) -> Value {
    match authority {
        "Anyone" => json!([]),
        "Buyer" => json!([{}, { "bearer": [] }]),
        // The secret of a link is a parameter.
        "LinkHolder" => json!([]),
        "LinkHolderOrRequester" | "Requester" => json!([{}, { "bearer": [] }]),
        "SignedWebhook" => json!([{ "stripe": [] }]),
        "Staff" | "TechnicalContactOrPurchaser" => json!([{ "bearer": [] }]),
        other => panic!("how does the document state {other}?"),
    }
}

#[test]
fn every_route_is_documented_with_who_may_call_it() {
    let documented: BTreeMap<_, _> = api().operations().into_iter().collect();
    let served: BTreeMap<_, _> = ROUTES.iter().map(|(_, route, authority)| ((*route).to_owned(), *authority)).collect();
    assert!(documented.keys().eq(served.keys()), "left: documented; right: served\n{documented:#?}\n{served:#?}");
    for (route, at) in documented {
        assert_eq!(api().at(&format!("{at}/security")), Some(&security(served[&route])), "{route}");
    }
}

/// B13: the parameters of an operation are those that its handler reads, because every other one is refused.
#[test]
fn b13_every_query_parameter_is_documented_and_every_route_documents_the_refusal_of_others() {
    let operations: BTreeMap<_, _> = api().operations().into_iter().collect();
    for (_, Route { route, parameters, .. }) in served() {
        let at = &operations[&route];
        let listed = api().at(&format!("{at}/parameters")).and_then(Value::as_array).into_iter().flatten();
        let documented = listed.enumerate().filter_map(|(i, _)| {
            let parameter = api().at(&api().resolved(format!("{at}/parameters/{i}"))).expect("a parameter");
            (parameter["in"] == "query").then(|| parameter["name"].as_str().expect("a name"))
        });
        assert_eq!(documented.collect::<Vec<_>>(), parameters, "{route}");
        let codes = codes(at, 400);
        for code in ["url_malformed", "unknown_parameter"] {
            assert!(codes.contains(&json!(code)), "{route}: 400 {code}");
        }
        let has_bounds = parameters.iter().any(|name| ["limit", "check"].contains(name));
        assert_eq!(codes.contains(&json!("parameter_invalid")), has_bounds, "{route}");
    }
}

#[test]
fn every_problem_code_is_documented_with_its_status() {
    let codes = api().at("/components/schemas/ProblemCode").expect("codes");
    let listed = values(codes);
    let documented: Vec<_> = listed
        .iter()
        .map(|code| code.as_str().unwrap())
        .map(|code| (code, codes["x-enumStatuses"][code].as_u64().unwrap_or_default()))
        .collect();
    let there: Vec<_> = Code::ALL.iter().map(|code| (code.as_str(), u64::from(Problem::new(*code, "").status))).collect();
    assert_eq!(documented, there, "left: documented; right: the codes that there are, in their order");
    let says = |code: &str| codes["x-enumDescriptions"][code].as_str().is_some_and(|what| what.len() > 10);
    assert!(documented.iter().all(|(code, _)| says(code)), "each says what to do");
    for described in ["x-enumStatuses", "x-enumDescriptions"] {
        assert_eq!(codes[described].as_object().map(serde_json::Map::len), Some(documented.len()), "{described}");
    }
}

/// Every problem that an operation documents has codes, and they are of its status.
#[test]
fn documented_problems_have_codes_of_their_status() {
    let statuses = api().at("/components/schemas/ProblemCode/x-enumStatuses").expect("statuses");
    let mut problems = 0;
    for (route, at) in api().operations() {
        for (status, _) in api().members(&format!("{at}/responses")) {
            let response = api().at(&api().resolved(format!("{at}/responses/{status}"))).expect("a response");
            let is_problem = response.pointer("/content/application~1problem+json").is_some();
            let codes = response["x-codes"].as_array().map(Vec::as_slice).unwrap_or_default();
            assert_eq!(is_problem, !codes.is_empty(), "{route}: {status}");
            let fits = |code: &&Value| {
                let of = statuses[code.as_str().expect("a code")].as_u64();
                if status == "default" { of.is_some_and(|of| of >= 500) } else { of == status.parse().ok() }
            };
            let odd: Vec<_> = codes.iter().filter(|code| !fits(code)).collect();
            assert!(odd.is_empty(), "{route}: {odd:?} are not of {status}");
            problems += codes.len();
        }
    }
    assert!(problems > 100, "only {problems} codes were found");
}

/// The codes that an operation documents for a status.
fn codes(operation: &str, status: u16) -> Vec<Value> {
    let response = api().resolved(format!("{operation}/responses/{status}"));
    api().at(&format!("{response}/x-codes")).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The values that a schema allows.
fn values(schema: &Value) -> Vec<Value> {
    schema["enum"].as_array().cloned().unwrap_or_default()
}

/// D5: what generators of clients cannot read, or name badly: schemas that are `true` or `false`, objects and enumerations without
/// a name of their own, and constants that are an enumeration. Requests are closed, and responses are open.
#[test]
fn d5_every_schema_has_a_form_that_generators_read() {
    let (mut faults, mut requests) = (Vec::new(), BTreeSet::new());
    let named = |at: &str| at.strip_prefix("/components/schemas/").is_some_and(|rest| !rest.contains('/'));
    let inside = |at: &str| at.rsplit('/').nth(1).is_some_and(|parent| ["properties", "oneOf", "allOf"].contains(&parent));
    for (at, schema) in schemas() {
        // The second part of an `allOf` has the members that its schema adds.
        let is_part = at.rsplit('/').nth(1) == Some("allOf");
        let is_object = !is_part && (!schema["properties"].is_null() || !schema["allOf"].is_null());
        let is_closing = at.ends_with("Properties");
        if schema.is_boolean() && !is_closing {
            faults.push(format!("{at} is {schema}"));
        }
        if (is_object || schema["enum"].is_array() && inside(&at)) && at.starts_with("/components/schemas/") && !named(&at) {
            faults.push(format!("{at} has no name of its own"));
        }
        if schema["oneOf"].as_array().is_some_and(|choices| choices.iter().any(|choice| !choice["const"].is_null())) {
            faults.push(format!("{at}: constants instead of an enumeration"));
        }
    }
    let named_in = |value: &'static Value| {
        let texts = everything_in(value).into_iter().filter_map(|(_, part)| part.as_str());
        texts.filter_map(|text| text.strip_prefix("#/components/schemas/")).collect::<Vec<_>>()
    };
    let bodies = everything_in(api().document()).into_iter().filter(|(at, _)| at.ends_with("/requestBody"));
    let bodies = bodies.map(|(_, body)| body).chain(api().at("/components/requestBodies"));
    let mut todo: Vec<_> = bodies.flat_map(named_in).collect();
    while let Some(name) = todo.pop() {
        if requests.insert(name) {
            todo.extend(named_in(api().at(&format!("/components/schemas/{name}")).expect("a schema")));
        }
    }
    let bases: BTreeSet<_> = schemas()
        .into_iter()
        .flat_map(|(_, schema)| schema["allOf"].as_array().into_iter().flatten())
        .filter_map(|base| base["$ref"].as_str()?.strip_prefix("#/components/schemas/"))
        .collect();
    for (name, schema) in api().members("/components/schemas") {
        let closed = [&schema["additionalProperties"], &schema["unevaluatedProperties"]].contains(&&json!(false));
        let is_object = !schema["properties"].is_null() || !schema["allOf"].is_null();
        // What Stripe sends is read as far as it is described.
        let wanted = is_object && requests.contains(&**name) && !bases.contains(&&**name) && !name.starts_with("Stripe");
        if closed != wanted {
            faults.push(format!("{name}: {}", if wanted { "a request that is open" } else { "a response that is closed" }));
        }
    }
    assert_eq!(faults, [""; 0]);
}

#[test]
fn names_on_the_wire_are_documented() {
    let named = |schema: &str| values(api().at(&format!("/components/schemas/{schema}")).expect("a schema"));
    assert_eq!(json!(named("LineKind")), json!(LineKind::ALL));
    assert_eq!(json!(named("Method")), json!(payment::Method::ALL));
}

/// By the OpenAPI Initiative's own schema, which leaves what stands in schemas to JSON Schema.
#[test]
fn it_is_an_openapi_document() {
    let schema = read(&root().join("tests/fixtures/openapi/3.1.json")).parse::<Value>().expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<_> =
        validator.iter_errors(api().document()).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(faults, [""; 0]);
    assert_eq!(api().at("/info/version").and_then(Value::as_str), workspace()["package"]["version"].as_str());
}

/// Every value in a value, with its JSON pointer; the value itself is the last.
fn everything_in(value: &Value) -> Vec<(String, &Value)> {
    fn below<'v>(at: String, value: &'v Value, found: &mut Vec<(String, &'v Value)>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| below(pointer(&at, name), value, found)),
            Value::Array(values) => values.iter().enumerate().for_each(|(i, value)| below(format!("{at}/{i}"), value, found)),
            _ => {}
        }
        found.push((at, value));
    }
    let mut found = Vec::new();
    below(String::new(), value, &mut found);
    found
}

/// Every schema: those that others are part of, and their parts.
fn schemas() -> Vec<(String, &'static Value)> {
    fn below(at: String, schema: &'static Value, found: &mut Vec<(String, &'static Value)>) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            let at = pointer(&at, keyword);
            match (&**keyword, value) {
                ("properties" | "patternProperties" | "$defs", Value::Object(schemas)) => {
                    schemas.iter().for_each(|(name, schema)| below(pointer(&at, name), schema, found));
                }
                ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                    schemas.iter().enumerate().for_each(|(i, schema)| below(format!("{at}/{i}"), schema, found));
                }
                (
                    "items"
                    | "additionalProperties"
                    | "unevaluatedProperties"
                    | "propertyNames"
                    | "contentSchema"
                    | "not"
                    | "if"
                    | "then"
                    | "else",
                    schema,
                ) => below(at, schema, found),
                _ => {}
            }
        }
        found.push((at, schema));
    }
    let mut found = Vec::new();
    let roots = everything_in(api().document()).into_iter().filter(|(at, _)| {
        let (parent, name) = at.rsplit_once('/').unwrap_or_default();
        let in_example = at.contains("/examples/") || at.contains("/value/");
        !in_example && (name == "schema" || parent == "/components/schemas")
    });
    roots.for_each(|(at, schema)| below(at, schema, &mut found));
    found
}

/// A keyword that is mistyped would be ignored, and a comma in a YAML text that is not quoted makes one.
#[test]
fn every_schema_is_sound_and_says_nothing_that_nobody_reads() {
    const KEYWORDS: &[&str] = &[
        "$ref",
        "$defs",
        "title",
        "description",
        "examples",
        "type",
        "const",
        "enum",
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "items",
        "required",
        "properties",
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "minProperties",
        "allOf",
        "oneOf",
        "contentMediaType",
        "contentSchema",
        "default",
        "discriminator",
        "x-enumDescriptions",
        "x-enumStatuses",
    ];
    let schemas = schemas();
    assert!(schemas.len() > 600, "only {} schemas were found", schemas.len());
    let mut faults = Vec::new();
    for (at, schema) in schemas {
        if let Err(error) = jsonschema::meta::validate(schema) {
            faults.push(format!("{at}: {error}"));
        }
        let unknown = schema.as_object().into_iter().flatten().filter(|(keyword, _)| !KEYWORDS.contains(&&***keyword));
        faults.extend(unknown.map(|(keyword, _)| format!("{at}: no such keyword: {keyword}")));
        for example in schema["examples"].as_array().into_iter().flatten() {
            faults.extend(api().faults(&at, example).iter().map(|fault| format!("{at}: an example is wrong at {fault}")));
        }
    }
    assert_eq!(faults, [""; 0]);
}

#[test]
fn references_lead_somewhere_and_every_part_is_used() {
    let mut used = BTreeSet::new();
    for (at, value) in everything_in(api().document()) {
        let name = at.rsplit('/').next().expect("a name");
        let Some(to) = value.as_str().filter(|_| name == "$ref" || at.contains("/discriminator/mapping/")) else { continue };
        let to = to.strip_prefix('#').unwrap_or_else(|| panic!("{at} leads out of the document: {to}"));
        assert!(api().at(to).is_some(), "{at} leads nowhere: {to}");
        used.insert(to.to_owned());
    }
    for (group, parts) in api().members("/components").filter(|(group, _)| *group != "securitySchemes") {
        for name in parts.as_object().expect("parts by their names").keys() {
            assert!(used.contains(&format!("/components/{group}/{name}")), "nothing refers to /components/{group}/{name}");
        }
    }
}

/// What stands for what is another every time, in golden files and in the document.
const NAMES: [(&str, &str); 6] = [
    ("‹quote›", "Q-7KQ4-M9XTC"),
    ("‹change›", "change-8JmXkZbB0x4pQ2vT6nLrYw"),
    ("‹secret›", "8JmXkZbB0x4pQ2vT6nLrYw"),
    ("‹policy›", "5f2b7c0e9a1d4836"),
    ("‹request›", "JKcYajvDoAMEJ8g="),
    ("‹sen 1›", "SEN-4MRX7-PQ2HVW"),
];

/// The document's examples, with the schema of each and the file that it is from.
const EXAMPLES: [(&str, &str, &str); 4] = [
    ("order", "Order", "infra/vendor/examples/quote.json"),
    ("quote", "Quote", "tests/golden/api/quote.json"),
    ("problem", "Problem", "tests/golden/api/problem.json"),
    ("license", "License", "tests/golden/api/license.json"),
];

#[test]
fn examples_are_what_is_really_sent_and_answered() {
    assert_eq!(api().members("/components/examples").count(), EXAMPLES.len());
    for (name, schema, file) in EXAMPLES {
        let real = NAMES.iter().fold(read(&root().join(file)), |text, (placeholder, name)| text.replace(placeholder, name));
        let real: Value = serde_json::from_str(&real).expect("JSON");
        assert_eq!(api().at(&format!("/components/examples/{name}/value")), Some(&real), "left: {name}; right: {file}");
        assert_eq!(api().faults(&format!("/components/schemas/{schema}"), &real), [""; 0], "{name}");
    }
}

/// The journeys prove the document only as far as it refuses what it does not say.
#[test]
fn an_undocumented_member_is_noticed_wherever_it_stands() {
    for (name, schema, _) in EXAMPLES {
        let sound = api().at(&format!("/components/examples/{name}/value")).expect("an example");
        for (at, _) in everything_in(sound).into_iter().filter(|(_, part)| part.is_object()) {
            let mut odd = sound.clone();
            odd.pointer_mut(&at).expect("a part")["undocumented"] = json!(true);
            assert!(!api().faults(&format!("/components/schemas/{schema}"), &odd).is_empty(), "{name} is open at `{at}`");
        }
    }
}

/// An operation, to be asked wrongly: that what it answers is documented, the harness sees to.
struct Operation<'w> {
    world: &'w World,
    /// As `GET /v1/pricing`.
    route: String,
    /// Where it is in the document.
    at: String,
}

impl<'w> Operation<'w> {
    fn all(world: &'w World) -> impl Iterator<Item = Self> {
        api().operations().into_iter().map(move |(route, at)| Self { world, route, at })
    }

    fn method_and_path(&self) -> (&str, &str) {
        self.route.split_once(' ').expect("a method and a path")
    }

    /// Its path with a name in each of its places.
    fn path(&self, name: &str) -> String {
        let path = self.method_and_path().1.replace("{kind}", "partners");
        let places = ["{number}", "{sen}", "{organization}", "{id}", "{host}", "{version}", "{payment}", "{mailbox}"];
        places.iter().fold(path, |path, place| path.replace(place, name))
    }

    /// Its path with names that could be somebody's, and are nobody's.
    fn nobodys(&self) -> String {
        let unused = sen("nobody has it");
        self.path(if self.route.contains("{sen}") { &unused } else { "nobody.example" })
    }

    fn has(&self, part: &str) -> bool {
        api().at(&format!("{}/{part}", self.at)).is_some()
    }

    fn answers(&self, status: u16) -> bool {
        self.has(&format!("responses/{status}"))
    }

    /// Whether it documents a refusal with this code.
    fn refuses(&self, status: u16, code: &str) -> bool {
        codes(&self.at, status).contains(&json!(code))
    }

    /// The status that somebody is answered with.
    async fn asked(&self, path: &str, token: &str, body: impl Into<reqwest::Body>) -> u16 {
        let lines = self.has("requestBody/content/application~1jsonl");
        let media_type = if lines { "application/jsonl" } else { "application/json" };
        let method: Method = self.method_and_path().0.parse().expect("a method");
        let request = self.world.request(method, path).header("content-type", media_type).bearer_auth(token).body(body);
        self.world.send(request).await.status.as_u16()
    }
}

#[tokio::test]
async fn whoever_may_not_come_is_refused_as_documented() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let customer = world.token("carl@customer.example", None).await;
    for operation in Operation::all(&world) {
        let (route, there) = (&operation.route, operation.nobodys());
        assert_eq!(operation.asked(&there, "no token", "{}").await == 401, operation.answers(401), "{route}: with no token");
        // A quote that is not there has no link that only reads: its route refuses with 404.
        let forbidden = operation.answers(403) && !route.ends_with("/revisions");
        assert_eq!(operation.asked(&there, &customer, "{}").await == 403, forbidden, "{route}: a customer");
    }
    world.close().await;
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_as_documented() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let staff = world.staff().await;
    for operation in Operation::all(&world) {
        let route = &operation.route;
        if route.contains('{') {
            assert_eq!(operation.asked(&operation.path("%ff"), &staff, "{}").await, 400, "{route}: not UTF-8");
        }
        for query in ["secret=a&secret=b", "dry_run=true", "secret=a&dry_run=true", "limit=1&limit=2"] {
            let address = format!("{}?{query}", operation.nobodys());
            assert_eq!(operation.asked(&address, &staff, "{}").await, 400, "{route}: B13: {query}");
        }
    }
    world.close().await;
}

#[tokio::test]
async fn c6_a_body_of_another_media_type_is_refused_as_documented() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    for operation in Operation::all(&world).filter(|operation| operation.has("requestBody")) {
        let method: Method = operation.method_and_path().0.parse().expect("a method");
        let request = world.request(method, &operation.nobodys()).header("content-type", "text/plain").body("{}");
        let refused = world.send(request).await.status == 415;
        assert_eq!(refused, operation.answers(415), "{}", operation.route);
    }
    world.close().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_as_documented() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let staff = world.staff().await;
    let before = world.recorded().await;
    for operation in Operation::all(&world).filter(|operation| operation.has("requestBody")) {
        let (route, there) = (&operation.route, operation.nobodys());
        let unreadable = ["malformed_json", "signature_invalid"].iter().any(|code| operation.refuses(400, code));
        assert_eq!(operation.asked(&there, &staff, "{").await == 400, unreadable, "{route}: no JSON");
        assert!([400, 422].contains(&operation.asked(&there, &staff, "").await), "{route}: nothing");
        // What the desk takes whole files of may be larger.
        if !["POST /v1/desk/entitlements", "PUT /v1/desk/policy"].contains(&&**route) {
            assert_eq!(operation.asked(&there, &staff, " ".repeat(300_000)).await, 413, "{route}: too large");
        }
    }
    assert_eq!(world.stripe(&json!({})).await.status, 422, "an event of no type");
    assert_eq!(world.recorded().await, before, "a refusal changes nothing");
    world.close().await;
}

#[tokio::test]
async fn what_the_desk_does_not_know_is_refused_as_documented() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let staff = world.staff().await;
    let mut known = 0;
    for operation in Operation::all(&world).filter(|it| it.route.starts_with("GET /v1/desk/") && it.route.contains('{')) {
        let route = &operation.route;
        let blank = operation.asked(&operation.path("%20"), &staff, "").await;
        assert_eq!(blank == 422, operation.answers(422), "{route}: a name that nothing can have");
        let unknown = operation.nobodys().replace("/audit/partners/", "/audit/reports/");
        assert_eq!(operation.asked(&unknown, &staff, "").await, 404, "{route}: a name that nothing has");
        known += 1;
    }
    assert!(known >= 8, "only {known} operations were found");
    world.close().await;
}
