//! Tests of what the benchmark reckons with: it has no harness of its own.

#[path = "run/statistics.rs"]
mod statistics;

use statistics::{Chance, Estimate, estimate, median, ratio, rounded_median};

#[test]
fn the_median_is_the_middle_one_whatever_the_order() {
    assert_eq!(median(&[9.0, 1.0, 5.0]).figure, 5.0);
    assert_eq!(median(&[5.0]), Estimate { figure: 5.0, low: 5.0, high: 5.0 });
    assert!(median(&[]).figure.is_nan());
}

#[test]
fn the_median_of_rounded_values_says_more_than_whole_numbers() {
    // As many below as above: the middle of what rounds to 3.
    assert_eq!(rounded_median(&[2.0, 3.0, 3.0, 4.0]), 3.0);
    // Three of four are less than a half, so the middle is not far above nothing.
    let low = rounded_median(&[0.0, 0.0, 0.0, 1.0]);
    assert!(low > 0.0 && low < 0.5, "{low}");
    assert_eq!(rounded_median(&[1.25, 7.5, 9.0]), 7.5);
    assert_eq!(rounded_median(&[]), 0.0);
}

#[test]
fn quantiles_are_values_that_were_measured() {
    let values: Vec<f64> = (0..=100).map(f64::from).collect();
    assert_eq!(estimate(&values, 0.99).figure, 99.0);
    assert_eq!(estimate(&values, 0.0).figure, 0.0);
    assert_eq!(estimate(&values, 1.0).figure, 100.0);
}

#[test]
fn intervals_hold_the_figure_and_shrink_with_the_number_of_values() {
    let spread = |count: usize| {
        let mut chance = Chance::new(7);
        let values: Vec<f64> = (0..count).map(|_| chance.below(1000) as f64).collect();
        let Estimate { figure, low, high } = median(&values);
        assert!(low <= figure && figure <= high, "{low} {figure} {high}");
        high - low
    };
    assert!(spread(1000) < spread(100) / 2.0);
}

/// The interval of a median is that of its order statistics, n/2 ± 0.98 √n.
#[test]
fn the_interval_is_as_wide_as_it_should_be() {
    let values: Vec<f64> = (0..400).map(f64::from).collect();
    let Estimate { low, high, .. } = median(&values);
    assert!((180.0 - low).abs() < 5.0 && (220.0 - high).abs() < 5.0, "{low} {high}");
}

#[test]
fn intervals_hold_the_truth_in_nineteen_of_twenty_cases() {
    let mut chance = Chance::new(3);
    let held = (0..400)
        .filter(|_| {
            let values: Vec<f64> = (0..100).map(|_| chance.below(10_001) as f64).collect();
            let Estimate { low, high, .. } = median(&values);
            low <= 5000.0 && 5000.0 <= high
        })
        .count();
    assert!((360..=396).contains(&held), "{held} of 400");
}

#[test]
fn ratios_are_of_the_same_round() {
    let [ours, floors] = [[Some(2.0), None, Some(30.0)], [Some(1.0), Some(5.0), Some(10.0)]];
    assert_eq!(ratio(&ours, &floors).map(|ratio| ratio.low), Some(2.0));
    assert_eq!(ratio(&ours, &floors).map(|ratio| ratio.high), Some(3.0));
    assert_eq!(ratio(&ours, &[None; 3]), None);
}

#[test]
fn a_shuffle_keeps_everything_and_each_may_come_first() {
    let mut chance = Chance::new(1);
    let mut firsts = [0; 4];
    for _ in 0..400 {
        let mut order = [0, 1, 2, 3];
        chance.shuffle(&mut order);
        firsts[order[0]] += 1;
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3]);
    }
    assert!(firsts.iter().all(|count| (60..140).contains(count)), "{firsts:?}");
}
