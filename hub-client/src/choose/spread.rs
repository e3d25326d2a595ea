//! Which labelled images are measured when there are many.

/// Places of at most `most` of the images whose classes are given, in order. Of each class they are spread evenly,
/// and as many as its share; at least two where there are two, as far as `most` allows that for all classes.
pub fn spread(targets: &[usize], most: usize) -> Vec<usize> {
    if targets.len() <= most {
        return (0..targets.len()).collect();
    }
    let count = targets.iter().max().map_or(0, |&last| last + 1);
    let mut classes: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (place, &class) in targets.iter().enumerate() {
        classes[class].push(place);
    }
    let sure = if 2 * count <= most { 2 } else { 0 };
    let first = |class: &Vec<usize>| class.len().min(sure);
    let (taken, all) = (classes.iter().map(first).sum::<usize>(), targets.len());
    let mut kept = Vec::with_capacity(most);
    for class in &classes {
        let others = class.len() - first(class);
        let share = others * (most - taken) / (all - taken);
        let wanted = first(class) + share;
        kept.extend((0..wanted).map(|place| class[place * class.len() / wanted]));
    }
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_class(kept: &[usize], targets: &[usize], class: usize) -> usize {
        kept.iter()
            .filter(|&&place| targets[place] == class)
            .count()
    }

    #[test]
    fn rare_classes_are_measured_too() {
        // 9,000 of one class, 990 of another, 10 of a third; class by class, and mixed.
        let sorted: Vec<usize> = [(0, 9_000), (1, 990), (2, 10)]
            .into_iter()
            .flat_map(|(class, count)| std::iter::repeat_n(class, count))
            .collect();
        let mixed: Vec<usize> = (0..10_000)
            .map(|place| sorted[place * 7_919 % 10_000])
            .collect();
        for targets in [sorted, mixed] {
            let kept = spread(&targets, 1_000);
            assert!((990..=1_000).contains(&kept.len()), "{}", kept.len());
            assert!(kept.is_sorted_by(|one, next| one < next), "each once");
            let counts = [0, 1, 2].map(|class| of_class(&kept, &targets, class));
            assert!(
                counts[0] > 880 && counts[1] > 90 && counts[2] >= 2,
                "{counts:?}"
            );
        }
    }

    #[test]
    fn few_images_are_all_measured_and_many_classes_as_far_as_there_is_room() {
        assert_eq!(spread(&[0, 1, 0], 3), [0, 1, 2]);
        assert_eq!(spread(&[], 3), [0; 0]);
        let targets: Vec<usize> = (0..100).collect();
        assert!(spread(&targets, 10).len() <= 10);
        // One image of a class is one.
        assert_eq!(spread(&[0, 0, 0, 0, 0, 0, 1], 5).len(), 5);
    }
}
