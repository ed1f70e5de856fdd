//! The harness itself: a journey that leaves something behind, or looks away, fails.

use tests::{World, example_of};

#[tokio::test]
#[should_panic(expected = "unexpected letters: [(\"rita@reseller.example\"")]
async fn a_journey_that_never_looked_at_a_letter_fails() {
    let world = World::new().await;
    world.quote(&example_of("tracker-server", 25)).await;
    world.close().await;
}

#[tokio::test]
#[should_panic(expected = "a test ends with `world.close().await`")]
async fn a_journey_that_does_not_end_properly_fails() {
    World::new().await;
}

#[tokio::test]
#[should_panic(expected = "is different from line 1 on")]
async fn a_golden_file_that_is_missing_fails() {
    tests::golden::assert_golden("there is no such file.txt", "something");
}
