//! The kinds of faults that microburst injects, and its rules for each.

use serde_json::{Value, json};

/// A kind of fault between the deployment and its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Injection {
    /// Half of all requests are refused as too many.
    Throttling,
    /// Half of all requests fail inside DynamoDB.
    InternalErrors,
    /// Three of ten connections are reset before the request has reached the engine.
    Resets,
    /// Three of ten responses are cut: the request is executed, and the caller gets no response.
    CutResponses,
    /// Half of all transactions, and three of ten other writes, conflict with a transaction of another process.
    Conflicts,
    /// No request succeeds at first: the caller is refused once, after all retries of the SDK.
    Outage,
    /// No response to a write arrives at first, in spite of the SDK's retries: the write is executed.
    LostResponses,
    /// Half of all requests are refused as too many while a deployment starts.
    WhileStarting,
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// All the time, for some of the requests.
    Always,
    /// From each request of a caller until that is refused; and for some seconds, while the consumers have work.
    UntilRefused,
}

impl Injection {
    pub(crate) const ALL: [Self; 8] = [
        Self::Throttling,
        Self::InternalErrors,
        Self::Resets,
        Self::CutResponses,
        Self::Conflicts,
        Self::Outage,
        Self::LostResponses,
        Self::WhileStarting,
    ];

    /// Its name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throttling => "throttling",
            Self::InternalErrors => "internal-errors",
            Self::Resets => "resets",
            Self::CutResponses => "cut-responses",
            Self::Conflicts => "conflicts",
            Self::Outage => "outage",
            Self::LostResponses => "lost-responses",
            Self::WhileStarting => "while-starting",
        }
    }

    /// For how long it is there.
    pub(crate) fn lasting(self) -> Lasting {
        match self {
            Self::Outage | Self::LostResponses => Lasting::UntilRefused,
            _ => Lasting::Always,
        }
    }

    /// How often it must have been played at least for a run to prove something, by operation: half of what was seen, or
    /// less.
    pub(crate) fn least(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Throttling | Self::InternalErrors => &[("PutItem", 15), ("TransactWriteItems", 6), ("GetRecords", 20)],
            // Of some twenty transactions three of ten: two would be missed once in a hundred runs.
            Self::Resets | Self::CutResponses => &[("PutItem", 5), ("TransactWriteItems", 1), ("GetRecords", 10)],
            Self::Conflicts => &[("PutItem", 4), ("TransactWriteItems", 5)],
            // Most requests begin with reading something, and get no further.
            Self::Outage => &[("GetItem", 40), ("BatchGetItem", 15), ("PutItem", 6)],
            Self::LostResponses => &[("PutItem", 30), ("UpdateItem", 10), ("TransactWriteItems", 15)],
            Self::WhileStarting => &[("CreateTable", 3), ("DescribeTable", 3), ("PutItem", 3), ("TransactWriteItems", 3)],
        }
    }

    /// Whether callers must have noticed: the SDK's three attempts hide most of what happens to three of ten requests.
    pub(crate) fn is_noticed(self) -> bool {
        !matches!(self, Self::Resets | Self::CutResponses | Self::WhileStarting)
    }

    /// microburst's rules for it. The first that applies to a request counts.
    pub(crate) fn rules(self) -> Vec<Value> {
        match self {
            Self::Throttling => {
                let refused = |code: &str| json!({"error": {"code": code}});
                vec![
                    rule("dynamodb", 0.5, &refused("ProvisionedThroughputExceededException")),
                    rule("dynamodbstreams", 0.5, &refused("LimitExceededException")),
                ]
            }
            Self::InternalErrors => everywhere(0.5, &json!({"error": {"code": "InternalServerError", "status": 500}})),
            Self::Resets => everywhere(0.3, &json!({"reset": true})),
            // The status comes through, and nothing of the body.
            Self::CutResponses => everywhere(0.3, &json!({"response": {"abort_bytes": 0}})),
            Self::Conflicts => {
                let reasons = json!([{"Code": "TransactionConflict", "Message": "Transaction is ongoing"}, {"Code": "None"}]);
                let canceled =
                    json!({"error": {"code": "TransactionCanceledException", "fields": {"CancellationReasons": reasons}}});
                let conflict = json!({"error": {"code": "TransactionConflictException"}});
                vec![
                    of("TransactWriteItems", rule("dynamodb", 0.5, &canceled)),
                    of("PutItem", rule("dynamodb", 0.3, &conflict)),
                    of("UpdateItem", rule("dynamodb", 0.3, &conflict)),
                ]
            }
            Self::WhileStarting => everywhere(0.5, &throttled()),
            Self::Outage => everywhere(1.0, &throttled()),
            Self::LostResponses => {
                let cut = json!({"response": {"abort_bytes": 0}});
                ["PutItem", "UpdateItem", "TransactWriteItems"].map(|write| of(write, rule("dynamodb", 1.0, &cut))).into()
            }
        }
    }
}

/// Everything that a start asks of DynamoDB, and rules by which that alone is always refused.
pub(crate) fn of_a_start() -> impl Iterator<Item = (&'static str, Value)> {
    let asked = [
        "CreateTable",
        "DescribeTable",
        "DescribeTimeToLive",
        "UpdateTimeToLive",
        "GetItem",
        "Query",
        "PutItem",
        "TransactWriteItems",
    ];
    asked.into_iter().map(|operation| (operation, of(operation, rule("dynamodb", 1.0, &throttled()))))
}

fn throttled() -> Value {
    json!({"error": {"code": "ThrottlingException"}})
}

/// An effect on some of the requests to a service.
fn rule(service: &str, probability: f64, effect: &Value) -> Value {
    let mut rule = effect.clone();
    rule["service"] = service.into();
    rule["probability"] = probability.into();
    rule
}

/// The table and its stream are two services.
fn everywhere(probability: f64, effect: &Value) -> Vec<Value> {
    ["dynamodb", "dynamodbstreams"].map(|service| rule(service, probability, effect)).into()
}

/// A rule for one operation alone.
fn of(operation: &str, mut rule: Value) -> Value {
    rule["operation"] = operation.into();
    rule
}
