//! What two targets have in common is one thing in memory.

use crate::lower::TargetManifests;

/// Lets equal objects and values of a target be the same ones in memory as those of the target before.
pub fn share(target: &mut TargetManifests, before: &TargetManifests) {
    for (name, unit) in &mut target.components {
        let Some(other) = before.components.get(name) else { continue };
        if let (Some(values), Some(others)) = (&mut unit.values, &other.values)
            && values == others
        {
            *values = others.clone();
        }
        for (stage, objects) in &mut unit.stages {
            let Some(others) = other.stages.get(stage) else { continue };
            // Both are sorted by identity, so a walk side by side meets every pair.
            let mut rest = others.iter();
            for lowered in objects.iter_mut() {
                if let Some(same) =
                    rest.clone().position(|o| o.object.id() == lowered.object.id() && o.object == lowered.object)
                {
                    let found = rest.nth(same).expect("the position was just found");
                    lowered.object = found.object.clone();
                }
            }
        }
    }
}
