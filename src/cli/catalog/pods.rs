//! Which containers a component makes, read off what its example is compiled to.

use std::collections::BTreeMap;

use crate::catalog::Component;
use crate::compile::{Request, compile};
use crate::manifest::value::Value;
use crate::world::World;
use crate::world::memory::{MemoryWorld, Overlay};

/// `Kind/name` → names of its containers, in order.
pub type Containers = BTreeMap<String, Vec<String>>;

/// Returns the containers of the objects that a component's example makes; those of its chart cannot be seen.
pub fn of(world: &dyn World, component: &Component) -> Containers {
    let mut found = Containers::new();
    let Some(example) = super::files::example(world, &component.name) else { return found };
    let top = MemoryWorld::from_iter([("platform.toml", example.into_bytes())]);
    let compiled = compile(&Overlay::new(top, world), &Request::default());
    for (index, target) in compiled.manifests.targets.iter().enumerate() {
        let Some(of) = compiled.platform.as_ref().and_then(|p| p.targets.get(index)) else { continue };
        for instance in of.instances.values().filter(|instance| instance.definition.name == component.name) {
            let Some(unit) = target.components.get(&instance.name) else { continue };
            for lowered in unit.stages.values().flatten() {
                let mut names = Vec::new();
                containers(lowered.object.value(), &mut names);
                if !names.is_empty() {
                    found.insert(format!("{}/{}", lowered.object.kind(), lowered.object.name()), names);
                }
            }
        }
    }
    found
}

/// Looks for lists called `containers`, however deep.
fn containers(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Map(map) => {
            for (key, inside) in map {
                match inside {
                    Value::List(list) if &**key == "containers" => {
                        into.extend(list.iter().filter_map(|c| c.get("name")?.as_str().map(String::from)));
                    }
                    _ => containers(inside, into),
                }
            }
        }
        Value::List(list) => list.iter().for_each(|inside| containers(inside, into)),
        _ => {}
    }
}
