//! The vendor's desk: what staff bring in, so that tests have something to renew, to prove and to discount.

use domain::number::Minter;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Answer, World};

/// The group whose members may work at the desk.
const STAFF: &str = "vendor-staff";

impl World {
    /// An access token of the vendor's staff.
    pub async fn staff(&self) -> String {
        self.token_in("dana@vendor.example", None, &[STAFF]).await
    }

    /// A request of JSON to the desk, by staff.
    pub async fn desk(&self, method: Method, path: &str, body: &Value) -> Answer {
        let token = self.staff().await;
        self.send(self.request(method, &format!("/v1/desk/{path}")).bearer_auth(token).json(body)).await
    }

    /// What the desk shows to staff.
    pub async fn desk_shows(&self, path: &str) -> Value {
        let token = self.staff().await;
        self.with_token(Method::GET, &format!("/v1/desk/{path}"), &token).await.expect(200)
    }

    /// Brings in a record that the desk must take.
    pub async fn record(&self, path: &str, body: &Value) {
        let answer = self.desk(Method::PUT, path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
    }

    /// Enrols an organisation in a programme, and in a tier of it where `programme` is `partner/gold`.
    pub async fn enrol(&self, organization: &str, programme: &str, until: Option<&str>) {
        let (programme, tier) = programme.split_once('/').map_or((programme, None), |(programme, tier)| (programme, Some(tier)));
        let mut membership = json!({"programme": programme, "from": "2024-01-01"});
        for (member, value) in [("tier", tier), ("until", until)] {
            if let Some(value) = value {
                membership[member] = value.into();
            }
        }
        self.record(&format!("partners/{organization}"), &json!({"name": organization, "memberships": [membership]})).await;
    }

    /// Brings in an entitlement of the example's customer, sold by the example's reseller, and answers its number.
    pub async fn import(&self, product: &str, tier: u32, end: &str) -> String {
        let sen = sen(&format!("{product} {tier} {end}"));
        self.record(&format!("entitlements/{sen}"), &imported(product, tier, end)).await;
        sen
    }

    /// A person at the desk looks at a quote, and says yes.
    pub async fn approve(&self, number: &str) {
        let seen = self.desk_shows(&format!("quotes/{number}")).await;
        let decision = json!({"reason": "Looked at.", "revision": seen["revision"]});
        let answer = self.desk(Method::POST, &format!("quotes/{number}/approve"), &decision).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }
}

/// A well-formed entitlement number of a test's own, the same for the same cause.
pub fn sen(cause: &str) -> String {
    let minter = Minter::new(b"sold before, by somebody else");
    minter.sen(&minter.quote_from_seed(cause), 1, 0).to_string()
}

/// An entitlement of the example's customer, as staff record it.
pub fn imported(product: &str, tier: u32, end: &str) -> Value {
    json!({
        "product": product, "tier": tier,
        "licensee": "Example Customer Inc.",
        "technical_contact": { "name": "Tina Admin", "email": "tina@customer.example" },
        "purchaser": {
            "company": "Example Reseller GmbH",
            "contact": { "name": "Rita Seller", "email": "rita@reseller.example" },
        },
        "purchased": "2024-01-01", "end": end,
    })
}
