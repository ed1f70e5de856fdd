//! Which route requires which authority of its caller. `runtime::Routes` accepts no handler without an authority; this table
//! states which one, so that a change of a route's callers is visible in a review.

use std::collections::BTreeSet;

use runtime::routes::Route;

use super::sources::{code, members, read, root, rust};

/// Function, route, and the name of its type in `runtime::authority`.
pub(crate) const ROUTES: &[(&str, &str, &str)] = &[
    ("desk", "GET /v1/desk/audit/{kind}/{id}", "Staff"),
    ("desk", "GET /v1/desk/certificates/{id}", "Staff"),
    ("desk", "GET /v1/desk/entitlements/{sen}", "Staff"),
    ("desk", "GET /v1/desk/evidence/{id}", "Staff"),
    ("desk", "GET /v1/desk/partners/{organization}", "Staff"),
    ("desk", "GET /v1/desk/payments", "Staff"),
    ("desk", "GET /v1/desk/payments/{payment}", "Staff"),
    ("desk", "GET /v1/desk/policy", "Staff"),
    ("desk", "GET /v1/desk/policy/{version}", "Staff"),
    ("desk", "GET /v1/desk/quotes/{number}", "Staff"),
    ("desk", "GET /v1/desk/quotes/{number}/letters", "Staff"),
    ("desk", "GET /v1/desk/reviews", "Staff"),
    ("desk", "GET /v1/desk/sites/{host}", "Staff"),
    ("desk", "GET /v1/desk/suppressions", "Staff"),
    ("desk", "GET /v1/desk/suppressions/{mailbox}", "Staff"),
    ("desk", "POST /v1/desk/entitlements", "Staff"),
    ("desk", "POST /v1/desk/payments/{payment}/close", "Staff"),
    ("desk", "POST /v1/desk/quotes/{number}/approve", "Staff"),
    ("desk", "POST /v1/desk/quotes/{number}/reject", "Staff"),
    ("desk", "POST /v1/desk/suppressions/{mailbox}/lift", "Staff"),
    ("desk", "PUT /v1/desk/certificates/{id}", "Staff"),
    ("desk", "PUT /v1/desk/entitlements/{sen}", "Staff"),
    ("desk", "PUT /v1/desk/evidence/{id}", "Staff"),
    ("desk", "PUT /v1/desk/partners/{organization}", "Staff"),
    ("desk", "PUT /v1/desk/policy", "Staff"),
    ("desk", "PUT /v1/desk/sites/{host}", "Staff"),
    ("documents", "GET /v1/quotes/{number}/document.pdf", "LinkHolder"),
    ("documents", "GET /v1/quotes/{number}/invoice.pdf", "LinkHolder"),
    ("licenses", "GET /.well-known/license-keys.json", "Anyone"),
    ("licenses", "GET /v1/licenses/{sen}", "TechnicalContactOrPurchaser"),
    ("licenses", "POST /v1/licenses/{sen}/reveal", "TechnicalContactOrPurchaser"),
    ("payments", "POST /webhooks/stripe", "SignedWebhook"),
    ("quotes", "GET /docs", "Anyone"),
    ("quotes", "GET /openapi.yaml", "Anyone"),
    ("quotes", "GET /v1/payment-methods", "Anyone"),
    ("quotes", "GET /v1/pricing", "Anyone"),
    ("quotes", "GET /v1/quotes/{number}", "LinkHolderOrRequester"),
    ("quotes", "GET /v1/terms", "Anyone"),
    ("quotes", "POST /v1/entitlements/lookup", "Buyer"),
    ("quotes", "POST /v1/quotes", "Buyer"),
    ("quotes", "POST /v1/quotes/preview", "Buyer"),
    ("quotes", "POST /v1/quotes/{number}/revisions", "Requester"),
];

fn functions() -> impl Iterator<Item = (String, String)> {
    members().into_iter().filter(|member| member.path.starts_with("functions/")).map(|member| {
        let files = rust(&root().join(&member.path).join("src"));
        (member.folder().to_owned(), files.iter().map(|file| code(file)).collect())
    })
}

/// Each function's routes, as its builder has recorded them.
pub(crate) fn served() -> Vec<(&'static str, Route)> {
    let functions = [
        ("desk", desk::api().table()),
        ("documents", documents::api().table()),
        ("licenses", licenses::api().table()),
        ("payments", payments::api().table()),
        ("quotes", quotes::api().table()),
    ];
    let rows = |(function, table): (_, Vec<_>)| table.into_iter().map(move |route| (function, route));
    functions.into_iter().flat_map(rows).collect()
}

#[test]
fn every_route_says_who_may_call_it() {
    let served = served();
    let served: Vec<_> = served.iter().map(|(function, it)| (*function, &*it.route, it.authority)).collect();
    assert_eq!(served, ROUTES, "left: in the code; right: in the table of this test");
}

/// Every route is in the table, because a function has routes only by `runtime::Routes`, and its routes are read above.
#[test]
fn routes_are_made_in_no_other_way() {
    let tables: BTreeSet<_> = served().into_iter().map(|(function, ..)| function.to_owned()).collect();
    for (name, code) in functions() {
        let others =
            ["Router::", "routing", "nest(", "nest_service(", "route_service(", "fallback(", "fallback_service(", "merge("];
        for other in others {
            assert!(!code.contains(other), "functions/{name} uses `{other}`");
        }
        assert_eq!(code.contains("axum"), tables.contains(&name), "functions/{name}: its routes are in the table");
    }
}

/// D6: a log line states the request or record that it is about. A task that a function starts without `runtime::task` has no span.
#[test]
fn d6_functions_start_tasks_in_the_span_of_their_request() {
    for (name, code) in functions() {
        for line in code.lines().filter(|line| line.contains("spawn")) {
            assert!(line.contains("task::traced("), "functions/{name} starts a task without a span: {line}");
        }
    }
}

/// What the desk shows and does is for the vendor's staff alone (R34, R118).
#[test]
fn every_route_of_the_desk_is_for_staff() {
    for (function, Route { route, authority, .. }) in served() {
        assert_eq!(function == "desk", authority == "Staff", "{function}: {route}");
        assert_eq!(function == "desk", route.contains(" /v1/desk/"), "{function}: {route}");
    }
}

/// A reader finds each route in its function's README. Of neighbours, the later may be written `…/end`.
#[test]
fn every_readme_names_its_function_s_routes() {
    for (function, route, _) in ROUTES {
        let readme = read(&root().join("functions").join(function).join("README.md"));
        let (_, path) = route.split_once(' ').expect("a method and a path");
        let end = path.rsplit('/').next().expect("a path has an end");
        assert!(readme.contains(path) || readme.contains(&format!("…/{end}")), "functions/{function}/README.md: {route}");
    }
}

/// The gateway in the vendor's account passes on what is served, and nothing else. Staff's routes are one there.
#[test]
fn the_template_has_a_route_for_everything_that_is_served() {
    let template = read(&root().join("infra/aws/template.yaml"));
    let mut there: Vec<_> = template.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: ")).collect();
    let keyed = |function: &str, route: &'static str| if function == "desk" { "ANY /v1/desk/{proxy+}" } else { route };
    let mut served: Vec<_> = ROUTES.iter().map(|(function, route, _)| keyed(function, route)).collect();
    for routes in [&mut there, &mut served] {
        routes.sort_unstable();
    }
    served.dedup();
    assert_eq!(there, served, "left: in infra/aws/template.yaml; right: in the code");
}

/// Folder, package, binary and resource have one name.
#[test]
fn the_template_has_a_resource_for_every_function() {
    let template = read(&root().join("infra/aws/template.yaml"));
    let mut there: Vec<_> = template.lines().filter_map(|line| line.trim().strip_prefix("CodeUri: ../../target/aws/")).collect();
    there.sort_unstable();
    let folders: Vec<_> = functions().map(|(name, _)| name).collect();
    assert_eq!(there, folders, "left: in infra/aws/template.yaml; right: in functions/");
    for name in there {
        let (first, rest) = name.split_at(1);
        let resource = format!("\n  {}{rest}:\n    Type: AWS::Serverless::Function\n", first.to_uppercase());
        assert!(template.contains(&resource), "infra/aws/template.yaml: no function has this name:{resource}");
    }
}
