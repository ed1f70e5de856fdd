//! Who may call what: every route of every function has a row here, and no row is without its route. Whoever adds a
//! route decides who may call it before it can be merged.

use super::sources::{code, members, read, root, rust};

/// Who may call a route, and how that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Caller {
    /// Anyone: nothing of anybody's is read (R1).
    Anyone,
    /// Whoever holds the quote's link, with its secret.
    LinkHolder,
    /// Whoever signs in and is the technical contact or the purchaser (R49, R54).
    TechnicalContactOrPurchaser,
    /// Whoever knows a contact of an entitlement, or may speak for its site (R28, R31).
    Contact,
    /// The vendor's staff (R34, R118).
    Staff,
    /// Stripe, by its signature over the raw body.
    Stripe,
}

use Caller::{Anyone, Contact, LinkHolder, Staff, Stripe, TechnicalContactOrPurchaser};

pub(crate) const ROUTES: &[(&str, &str, Caller)] = &[
    ("desk", "GET /v1/desk/audit/{kind}/{id}", Staff),
    ("desk", "GET /v1/desk/certificates/{id}", Staff),
    ("desk", "GET /v1/desk/entitlements/{sen}", Staff),
    ("desk", "GET /v1/desk/evidence/{id}", Staff),
    ("desk", "GET /v1/desk/partners/{organization}", Staff),
    ("desk", "GET /v1/desk/policy", Staff),
    ("desk", "GET /v1/desk/policy/{version}", Staff),
    ("desk", "GET /v1/desk/quotes/{number}", Staff),
    ("desk", "GET /v1/desk/reviews", Staff),
    ("desk", "GET /v1/desk/sites/{host}", Staff),
    ("desk", "POST /v1/desk/entitlements", Staff),
    ("desk", "POST /v1/desk/quotes/{number}/approve", Staff),
    ("desk", "POST /v1/desk/quotes/{number}/reject", Staff),
    ("desk", "PUT /v1/desk/certificates/{id}", Staff),
    ("desk", "PUT /v1/desk/entitlements/{sen}", Staff),
    ("desk", "PUT /v1/desk/evidence/{id}", Staff),
    ("desk", "PUT /v1/desk/partners/{organization}", Staff),
    ("desk", "PUT /v1/desk/policy", Staff),
    ("desk", "PUT /v1/desk/sites/{host}", Staff),
    ("documents", "GET /v1/quotes/{number}/document.pdf", LinkHolder),
    ("documents", "GET /v1/quotes/{number}/invoice.pdf", LinkHolder),
    ("licenses", "GET /.well-known/license-keys.json", Anyone),
    ("licenses", "GET /v1/licenses/{sen}", TechnicalContactOrPurchaser),
    ("licenses", "POST /v1/licenses/{sen}/reveal", TechnicalContactOrPurchaser),
    ("payments", "POST /webhooks/stripe", Stripe),
    ("quotes", "GET /v1/payment-methods", Anyone),
    ("quotes", "GET /v1/pricing", Anyone),
    ("quotes", "GET /v1/quotes/{number}", LinkHolder),
    ("quotes", "POST /v1/entitlements/lookup", Contact),
    ("quotes", "POST /v1/quotes", Anyone),
    ("quotes", "POST /v1/quotes/preview", Anyone),
    ("quotes", "POST /v1/quotes/{number}/revisions", LinkHolder),
];

/// What each caller is recognised by in the code of its function.
fn proof(caller: Caller) -> Option<&'static str> {
    match caller {
        Anyone => None,
        LinkHolder => Some("open("),
        TechnicalContactOrPurchaser => Some("visible_to("),
        Contact => Some("knows("),
        Staff => Some("belongs_to("),
        Stripe => Some("verify("),
    }
}

/// The routes in a function's code, `.route("/path", get(view).post(change))` being two.
fn routes_in(code: &str) -> Vec<String> {
    let mut routes = Vec::new();
    for route in code.split(".route(").skip(1) {
        let Some((path, rest)) = route.trim_start().strip_prefix('"').and_then(|route| route.split_once('"')) else {
            panic!("a path must be written where its route is: {}", route.lines().next().unwrap_or_default());
        };
        let mut depth = 1;
        let arguments = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        let arguments = &rest[..arguments.expect("a call ends")];
        let methods = ["get", "post", "put", "patch", "delete"].into_iter();
        let methods: Vec<_> = methods.filter(|method| has_call(arguments, method)).collect();
        assert!(!methods.is_empty(), "no method was found for {path}: {arguments}");
        routes.extend(methods.iter().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    routes
}

/// Whether a function of exactly this name is called.
fn has_call(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        code[at + name.len()..].starts_with('(') && before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

fn functions() -> impl Iterator<Item = (String, String)> {
    members().into_iter().filter(|member| member.path.starts_with("functions/")).map(|member| {
        let files = rust(&root().join(&member.path).join("src"));
        (member.folder().to_owned(), files.iter().map(|file| code(file)).collect())
    })
}

#[test]
fn routes_are_found_in_code() {
    let code = r#"Router::new()
        .route("/v1/things", get(list).post(create))
        .route(
            "/v1/things/{id}",
            delete(forget),
        )
        .route("/v1/bulk", put(replace).layer(limit(get_most())))
        .with_state(budget(1))"#;
    assert_eq!(routes_in(code), ["GET /v1/things", "POST /v1/things", "DELETE /v1/things/{id}", "PUT /v1/bulk"]);
}

#[test]
fn every_route_says_who_may_call_it() {
    let mut found: Vec<_> =
        functions().flat_map(|(name, code)| routes_in(&code).into_iter().map(move |route| (name.clone(), route))).collect();
    found.sort();
    let listed: Vec<_> = ROUTES.iter().map(|(function, route, _)| ((*function).to_owned(), (*route).to_owned())).collect();
    assert_eq!(found, listed, "left: in the code; right: in the table of this test");
}

/// A way of routing that this test does not read would lead around the table.
#[test]
fn routes_are_made_in_no_other_way() {
    for (name, code) in functions() {
        for other in [".nest(", ".nest_service(", ".route_service(", ".fallback(", ".fallback_service(", ".merge("] {
            assert!(!code.contains(other), "functions/{name} uses `{other}…)`");
        }
        for imported in code.split("routing::").skip(1).filter_map(|rest| rest.split([';', '(', '}']).next()) {
            let mut words = imported.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            let other = words.find(|word| !matches!(*word, "get" | "post" | "put" | "patch" | "delete"));
            assert_eq!(other, None, "functions/{name} routes with it");
        }
    }
}

#[test]
fn every_function_asks_for_the_proof_that_its_callers_owe() {
    for (function, route, caller) in ROUTES {
        let Some(proof) = proof(*caller) else { continue };
        let (_, code) = functions().find(|(name, _)| name == function).expect("a function");
        assert!(code.contains(proof), "{function}: {route} is for {caller:?}, but nothing calls `{proof}…)`");
    }
}

/// Where whoever may not pass is stopped before all routes, no route may stand behind the guard's back: axum's
/// `route_layer` guards only what was routed before it.
#[test]
fn the_desk_s_guard_stands_before_every_route() {
    let (_, code) = functions().find(|(name, _)| name == "desk").expect("the desk");
    assert_eq!(code.matches("Router::new()").count(), 1, "one router");
    let (routed, guarded) = code.split_once(".route_layer(middleware::from_fn_with_state(").expect("a guard");
    assert!(guarded.lines().next().is_some_and(|guard| guard.contains("staff::only")), "the guard asks for staff");
    assert!(routed.contains(".route(") && !guarded.contains(".route("), "a route comes after the guard");
}

/// A route that its room's README does not name is one that nobody finds. Of neighbours, the later may be written `…/end`.
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
