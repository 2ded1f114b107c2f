//! Medians, quantiles and how far they can be trusted. Nothing here comes from chance: the generator has a seed, and two
//! reckonings of the same figures say the same.

/// Samples that are drawn for an interval.
const RESAMPLES: usize = 1000;

/// A figure and the interval in which it lies with a probability of 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub figure: f64,
    pub low: f64,
    pub high: f64,
}

/// The median, with its bootstrap interval.
pub fn median(values: &[f64]) -> Estimate {
    estimate(values, 0.5)
}

/// The value below which this part of them lies, with its bootstrap interval: quantiles of as many samples drawn from
/// the values, each value as often as chance will have it.
pub fn estimate(values: &[f64], part: f64) -> Estimate {
    let sorted = sorted(values);
    let mut chance = Chance::new(values.len() as u64);
    let mut drawn: Vec<f64> = Vec::with_capacity(RESAMPLES);
    let mut indexes = vec![0; sorted.len()];
    for _ in 0..RESAMPLES {
        indexes.fill_with(|| chance.below(sorted.len()));
        // What is drawn from sorted values by sorted indexes is sorted, and of that only one is looked at.
        let at = position(indexes.len(), part);
        drawn.push(if indexes.is_empty() { f64::NAN } else { sorted[*indexes.select_nth_unstable(at).1] });
    }
    drawn.sort_unstable_by(f64::total_cmp);
    Estimate { figure: quantile(&sorted, part), low: quantile(&drawn, 0.025), high: quantile(&drawn, 0.975) }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn position(count: usize, part: f64) -> usize {
    (part * count.saturating_sub(1) as f64).round() as usize
}

/// Of sorted values.
fn quantile(values: &[f64], part: f64) -> f64 {
    values.get(position(values.len(), part)).copied().unwrap_or(f64::NAN)
}

/// The median of the ratios of what was measured in the same round.
pub fn ratio(ours: &[Option<f64>], floors: &[Option<f64>]) -> Option<Estimate> {
    let ratios: Vec<f64> = ours.iter().zip(floors).filter_map(|(ours, floor)| Some((*ours)? / (*floor)?)).collect();
    (!ratios.is_empty()).then(|| median(&ratios))
}

/// The middle one of values that a clock has rounded: where many are the same, by how many are below and above.
pub fn rounded_median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(middle) = sorted.get(sorted.len() / 2).copied() else { return 0.0 };
    let below = sorted.partition_point(|value| *value < middle);
    let same = sorted.partition_point(|value| *value <= middle) - below;
    if same < 2 {
        return middle;
    }
    (middle - 0.5 + (sorted.len() as f64 / 2.0 - below as f64) / same as f64).max(0.0)
}

/// Numbers without a pattern (splitmix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// A new order, each as likely: the kernel is still clearing up after the program before, which should be any other.
    pub fn shuffle(&mut self, items: &mut [usize]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}
