//! Terms, upgrades, renewals and downgrades: E11–E18 and E23.

use domain::calendar::{days_between, term_days};
use jiff::civil::date;
use serde_json::{Value, json};
use tests::with;

use super::scene::{Amounts, BOTH, Scene, coterm, in_currency, only, order, renewal, upgrade};

const TODAY: &str = "2026-11-22";

#[tokio::test]
async fn e11_whole_years_are_365_days_and_other_terms_their_days() {
    assert_eq!(term_days(date(2027, 3, 1), date(2028, 3, 1)), 365, "though there are 366");
    assert_eq!(term_days(date(2027, 3, 1), date(2028, 2, 15)), 351);
    for (policy, short) in BOTH.into_iter().zip([4_038_904, 4_039_000]) {
        let scene = Scene::edited("2027-01-15", policy).await;
        let held = scene.import("dc", 500, "2027-03-01").await;
        for (until, net) in [("2028-03-01", 4_200_000), ("2028-02-15", short)] {
            let quote = scene.quoted(&order([coterm(&held, until)])).await;
            assert_eq!((quote.net(), quote.covers(0)), (net, ("2027-03-01", until)));
        }
        scene.end().await;
    }
}

#[tokio::test]
async fn e12_licences_that_shall_end_on_one_date() {
    for (policy, amounts, net) in [(BOTH[0], [1_726_027, 1_499_178], 3_225_205), (BOTH[1], [1_726_100, 1_499_200], 3_225_300)] {
        let mut scene = Scene::edited("2026-12-01", policy).await;
        let a = scene.import("dc", 500, "2027-01-31").await;
        let b = scene.import("dc", 1_000, "2027-04-15").await;
        let c = scene.import("cloud", 200, "2027-06-30").await;
        let d = scene.import("dc", 500, "2027-12-31").await;
        let until = "2027-06-30";
        let quote = scene.quoted(&order([&a, &b, &c, &d].map(|sen| coterm(sen, until)))).await;
        assert_eq!((quote.amounts(), quote.net()), (amounts.to_vec(), net), "150 days, 76 days, and no line for the others");
        assert_eq!((quote.covers(0), quote.covers(1)), (("2027-01-31", until), ("2027-04-15", until)));
        assert_eq!((&quote.lines()[0]["sen"], &quote.lines()[1]["sen"]), (&json!(a), &json!(b)));
        assert_eq!(quote.warnings(), ["coterm_excluded"; 2]);
        assert_eq!(quote.standing(), ("in_review", vec!["coterm_requested"]), "always");
        assert!(quote.0["links"].get("pay").is_none(), "what is in review cannot be paid");

        scene.approve(quote.number()).await;
        let approved = scene.see(&quote).await;
        scene.pay(&approved).await;
        scene.settled().await;
        for (sen, end) in [(a, until), (b, until), (c, until), (d, "2027-12-31")] {
            assert_eq!(scene.desk_shows(&format!("entitlements/{sen}")).await["end"], end, "nothing is shortened");
        }
        scene.ignore_letters().await;

        // Each line of a co-term that has nothing to add: there is nothing to buy.
        let e = scene.import("cloud", 100, until).await;
        assert_eq!(scene.refused(&order([coterm(&e, until)])).await, only("coterm_date_invalid", "/lines/0/until"));
        scene.end().await;
    }
}

#[tokio::test]
async fn e13_a_higher_tier_in_the_middle_of_a_term() {
    assert_eq!(term_days(date(2026, 9, 1), date(2027, 1, 1)), 122);
    for (policy, net) in BOTH.into_iter().zip([1_002_740, 1_002_800]) {
        let scene = Scene::edited("2026-09-01", policy).await;
        let held = scene.import("dc", 500, "2027-01-01").await;
        let quote = scene.quoted(&order([upgrade(&held, 1_000)])).await;
        assert_eq!((quote.net(), quote.covers(0)), (net, ("2026-09-01", "2027-01-01")));
        scene.pay(&quote).await;
        scene.settled().await;
        let after = scene.desk_shows(&format!("entitlements/{held}")).await;
        assert_eq!((&after["tier"], &after["end"]), (&json!(1_000), &json!("2027-01-01")), "1,000 users, not 1,500");
        let same = scene.refused(&order([upgrade(&held, 1_000)])).await;
        assert_eq!(same, only("upgrade_not_higher", "/lines/0/users"), "they have it now");
        scene.end().await;
    }
}

#[tokio::test]
async fn e14_the_published_cloud_upgrade() {
    for (policy, net) in BOTH.into_iter().zip([971_507, 971_600]) {
        let scene = Scene::edited(TODAY, policy).await;
        assert_eq!(days_between(date(2026, 11, 22), date(2027, 6, 7)), 197);
        let held = scene.import("published", 200, "2027-06-07").await;
        let quote = scene.quoted(&order([upgrade(&held, 400)])).await;
        assert_eq!(quote.net(), net, "and not 971,506: the halves are not rounded by themselves");
        scene.end().await;
    }
}

#[tokio::test]
async fn e15_upgrade_and_extend() {
    for (policy, net) in BOTH.into_iter().zip([369_562, 369_600]) {
        let scene = Scene::edited("2024-07-26", policy).await;
        let held = scene.import("audited", 100, "2025-02-08").await;
        let until = |day: &str| json!({"kind": "renew_and_upgrade", "sen": held, "users": 200, "until": day});
        let quote = scene.quoted(&order([until("2025-07-31")])).await;
        assert_eq!((quote.net(), quote.covers(0)), (net, ("2024-07-26", "2025-07-31")));
        let credit = &quote.lines()[0]["explanation"];
        let credit = credit.as_array().unwrap().iter().find(|step| step["rule"] == "upgrade_credit").unwrap();
        assert_eq!((&credit["days"], &credit["tier"]), (&json!(197), &json!(100)));
        let short = scene.refused(&order([until("2025-07-20")])).await;
        assert_eq!(short, only("term_not_offered", "/lines/0/until"), "less than 365 days");

        // The trap: two years, exactly.
        let held = scene.import("two-years", 3_000, "2026-07-26").await;
        let quote = scene.quoted(&order([upgrade(&held, 4_000)])).await;
        assert_eq!(quote.net(), 140_000, "and not 140,100, as inexact numbers have it");
        scene.end().await;
    }
}

#[tokio::test]
async fn e16_an_early_renewal_loses_nothing_and_ends_within_the_cap() {
    let scene = Scene::on("2026-11-10").await;
    let held = scene.import("dc", 500, "2027-01-01").await;
    let quote = scene.quoted(&order([renewal(&held, 12)])).await;
    assert_eq!((quote.net(), quote.covers(0)), (4_200_000, ("2027-01-01", "2028-01-01")));
    let two = scene.quoted(&order([renewal(&held, 24)])).await;
    assert_eq!((two.net(), two.covers(0)), (8_400_000, ("2027-01-01", "2029-01-01")));
    let three = scene.refused(&order([renewal(&held, 36)])).await;
    assert_eq!(three, only("maintenance_cap_exceeded", "/lines/0/term_months"), "2030-01-01 is after 2029-11-10");
    scene.end().await;
}

#[tokio::test]
async fn e17_a_late_renewal_is_back_dated_where_the_customer_installs() {
    let scene = Scene::on("2026-05-15").await;
    assert_eq!(days_between(date(2026, 3, 1), date(2026, 5, 15)), 75, "days late");
    assert_eq!(days_between(date(2026, 5, 15), date(2027, 3, 1)), 290, "days left");
    let ended = "2026-03-01";
    let dc = scene.import("dc", 500, ended).await;
    let cloud = scene.import("cloud", 200, ended).await;
    let srv = scene.import("srv", 25, ended).await;
    let quote = scene.quoted(&order([&dc, &cloud, &srv].map(|sen| renewal(sen, 12)))).await;
    assert_eq!(quote.amounts(), [4_200_000, 1_495_000, 175_000]);
    assert_eq!(quote.covers(0), (ended, "2027-03-01"));
    assert_eq!(quote.covers(1), ("2026-05-15", "2027-05-15"), "from the day of the payment");
    assert_eq!(quote.covers(2), (ended, "2027-03-01"), "maintenance likewise");

    scene.pay(&quote).await;
    scene.settled().await;
    for (sen, end) in [(dc, "2027-03-01"), (cloud, "2027-05-15"), (srv, "2027-03-01")] {
        assert_eq!(scene.desk_shows(&format!("entitlements/{sen}")).await["end"], end);
    }

    let old = scene.import("dc", 500, "2025-05-14").await;
    assert_eq!(scene.refused(&order([renewal(&old, 12)])).await, only("renewal_too_late", "/lines/0/sen"));
    scene.end().await;
}

#[tokio::test]
async fn e18_a_lower_tier_is_for_the_next_term_and_near_its_beginning() {
    let mut scene = Scene::on("2026-09-01").await;
    let held = scene.import("dc", 1_000, "2027-01-01").await;
    let now = scene.refused(&order([upgrade(&held, 500)])).await;
    assert_eq!(now, only("midterm_downgrade_no_credit", "/lines/0/users"));

    let line = json!({"kind": "downgrade_at_renewal", "sen": held, "users": 500, "term_months": 12});
    assert_eq!(days_between(date(2026, 10, 2), date(2027, 1, 1)), 91);
    scene.move_to("2026-10-02").await;
    assert_eq!(scene.refused(&order([line.clone()])).await, only("downgrade_too_early", "/lines/0/kind"));
    scene.move_to("2026-10-03").await;
    let quote = scene.quoted(&order([line.clone()])).await;
    assert_eq!((quote.net(), quote.covers(0)), (4_200_000, ("2027-01-01", "2028-01-01")));
    let same = with(&line, [("/users", Value::from(1_000))]);
    assert_eq!(scene.refused(&order([same])).await, only("downgrade_not_lower", "/lines/0/users"));
    scene.end().await;
}

#[tokio::test]
async fn e23_yen_have_no_minor_unit() {
    for (policy, hundred_days) in BOTH.into_iter().zip([986_301, 986_302]) {
        let scene = Scene::edited(TODAY, policy).await;
        for (end, days, net) in [("2027-03-02", 100, hundred_days), ("2027-03-24", 122, 1_203_288)] {
            assert_eq!(days_between(date(2026, 11, 22), end.parse().unwrap()), days);
            let held = scene.import("dc", 500, end).await;
            let quote = scene.quoted(&in_currency(&order([upgrade(&held, 1_000)]), "JPY")).await;
            assert_eq!(quote.net(), net);
            assert_eq!((quote.0["net"].to_string(), quote.currency()), (net.to_string(), "JPY"), "never with a decimal point");
        }
        scene.end().await;
    }
}
