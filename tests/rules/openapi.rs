//! The document of the API says what there is: every route with who may call it, every problem code with its status, and
//! examples that are the real ones. What is asked and answered is held against it in every journey.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
        "LinkHolder" => json!([{ "link": [] }]),
        "Requester" => json!([{ "link": [] }, { "bearer": [] }, { "link": [], "bearer": [] }]),
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
        // The secret of a link is documented as the scheme `link`.
        let link = api().at(&format!("{at}/security/0/link")).map(|_| "secret");
        assert_eq!(link.into_iter().chain(documented).collect::<Vec<_>>(), parameters, "{route}");
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
    let listed = api().at("/components/schemas/ProblemCode/oneOf").and_then(Value::as_array).expect("codes");
    let documented: Vec<_> =
        listed.iter().map(|one| (one["const"].as_str().unwrap(), one["x-status"].as_u64().unwrap())).collect();
    let there: Vec<_> = Code::ALL.iter().map(|code| (code.as_str(), u64::from(Problem::new(*code, "").status))).collect();
    assert_eq!(documented, there, "left: documented; right: the codes that there are, in their order");
    assert!(listed.iter().all(|one| one["description"].as_str().is_some_and(|what| what.len() > 10)), "each says what to do");
}

/// Every problem that an operation documents has codes of its status.
#[test]
fn documented_problems_have_codes_of_their_status() {
    let listed = api().at("/components/schemas/ProblemCode/oneOf").and_then(Value::as_array).expect("codes");
    let statuses: HashMap<_, _> = listed.iter().map(|one| (&one["const"], &one["x-status"])).collect();
    let mut problems = 0;
    for (name, schema) in api().members("/components/schemas") {
        // A problem of some kind refers to what problems of its kind have in common.
        let Some(general) = schema["$ref"].as_str().and_then(|to| api().at(to.strip_prefix('#')?)) else { continue };
        let status = [schema, general].into_iter().find_map(|schema| schema.pointer("/properties/status"));
        let (Some(status), Some(_)) = (status, schema.pointer("/properties/code")) else { continue };
        let code = api().resolved(format!("/components/schemas/{name}/properties/code"));
        let (codes, wanted) = (values(api().at(&code).expect("codes")), values(status));
        let odd: Vec<_> = codes.iter().filter(|code| statuses.get(*code).is_none_or(|it| !wanted.contains(*it))).collect();
        assert!(odd.is_empty(), "{name}: {odd:?} are not of {wanted:?}");
        problems += 1;
    }
    assert!(problems > 20, "only {problems} problems were found");
}

/// The codes that an operation documents for a status.
fn codes(operation: &str, status: u16) -> Vec<Value> {
    let response = api().resolved(format!("{operation}/responses/{status}"));
    let schema = api().resolved(format!("{response}/content/application~1problem+json/schema"));
    let code = api().resolved(format!("{schema}/properties/code"));
    api().at(&code).map(values).unwrap_or_default()
}

/// What a schema allows: a `const`, an `enum`, or constants that are each described.
fn values(schema: &Value) -> Vec<Value> {
    match (&schema["enum"], &schema["oneOf"]) {
        (Value::Array(values), _) => values.clone(),
        (_, Value::Array(described)) => described.iter().map(|one| one["const"].clone()).collect(),
        _ => vec![schema["const"].clone()],
    }
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
        "dependentRequired",
        "allOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "contentMediaType",
        "contentSchema",
        "discriminator",
        "x-status",
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
    let mut used = BTreeSet::from(["/components/responses/MethodNotAllowed".to_owned()]);
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
    ("problem", "OrderRefused", "tests/golden/api/problem.json"),
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
        let places = ["{number}", "{sen}", "{organization}", "{id}", "{host}", "{version}"];
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
        let forbidden = operation.answers(403) && !operation.has("security/0/link");
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
    for operation in Operation::all(&world) {
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
