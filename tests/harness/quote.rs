use serde_json::Value;

/// A quote as it was answered.
#[derive(Debug, Clone)]
pub struct Quote(pub Value);

impl Quote {
    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} in {:#}", self.0))
    }

    /// Its number.
    pub fn number(&self) -> &str {
        self.text("/number")
    }

    /// Its revision.
    pub fn revision(&self) -> i64 {
        self.0["revision"].as_i64().expect("a revision")
    }

    /// To pay, in minor units.
    pub fn total(&self) -> i64 {
        self.0["total"].as_i64().expect("a total")
    }

    /// Its currency's code.
    pub fn currency(&self) -> &str {
        self.text("/currency")
    }

    /// The link that shows it.
    pub fn link(&self) -> &str {
        self.text("/links/self")
    }

    /// The link to its PDF.
    pub fn document(&self) -> &str {
        self.text("/links/document")
    }

    /// The link to the payment form.
    pub fn pay(&self) -> &str {
        self.text("/links/pay")
    }

    /// The link that changes it, which only its requester has.
    pub fn revise(&self) -> &str {
        self.text("/links/revise")
    }

    /// The secret in the links that read and pay.
    pub fn secret(&self) -> &str {
        self.link().rsplit_once("secret=").expect("a link has a secret").1
    }

    /// The link that shows it to its requester, or to the holder of the link if this is how it was seen.
    pub fn own_link(&self) -> String {
        let revise = self.0.pointer("/links/revise").and_then(Value::as_str);
        revise.map_or_else(|| self.link().to_owned(), |revise| revise.replace("/revisions?", "?"))
    }

    /// Its payment methods: by name, whether it may be used, or else why not.
    pub fn methods(&self) -> Vec<(&str, Result<(), &str>)> {
        fn one(method: &Value) -> (&str, Result<(), &str>) {
            let name = method["method"].as_str().expect("a method has a name");
            (name, method.pointer("/reason/code").and_then(Value::as_str).map_or(Ok(()), Err))
        }
        self.0["payment_methods"].as_array().expect("payment methods").iter().map(one).collect()
    }

    /// The number of the one entitlement that it delivered.
    pub fn only_sen(&self) -> &str {
        let all: Vec<_> = ["licenses", "subscriptions"].iter().flat_map(|all| self.0[*all].as_array().expect("a list")).collect();
        let [one] = &all[..] else { panic!("one entitlement: {:#}", self.0) };
        one["sen"].as_str().expect("a number")
    }

    /// The newest entry of its history.
    pub fn last_event(&self) -> &Value {
        self.0["history"].as_array().and_then(|history| history.last()).expect("a history")
    }
}
