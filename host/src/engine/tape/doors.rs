//! A linker that knows nothing but the imports of one component, and asks a tape for all of them.

use std::sync::Arc;

use serde_json::Value;
use wasmtime::{
    Result, StoreContextMut, bail,
    component::{
        Component, Linker, LinkerInstance, ResourceAny, ResourceDynamic, ResourceType, Type, Val,
        types::{ComponentFunc, ComponentItem},
    },
    format_err,
};

use super::{Tape, values};
use crate::engine::{ctx::Ctx, exit::Exit};

/// The type of every resource: which is which is for the guest's side to tell, which it does.
const RESOURCE: u32 = 0;

/// How a door is made: for a function, or for the end of a resource.
pub(super) type Door = fn(&mut LinkerInstance<'_, Ctx>, &str, Opens, Arc<Tape>, Arc<str>) -> Result<()>;

/// What a door opens.
#[derive(Clone, Copy)]
pub(super) enum Opens {
    Function,
    Resource,
}

/// The linker.
pub(super) fn linker(component: &Component, tape: &Arc<Tape>, door: Door) -> Result<Linker<Ctx>> {
    let engine = component.engine();
    let mut linker = Linker::new(engine);
    for (interface, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(exports) = import.ty else {
            bail!("it imports `{interface}`, which is no interface");
        };
        let mut instance = linker.instance(interface)?;
        for (name, export) in exports.exports(engine) {
            let (opens, called) = match export.ty {
                ComponentItem::ComponentFunc(_) => (Opens::Function, format!("{interface}#{name}")),
                ComponentItem::Resource(_) => (Opens::Resource, dropping(interface, name)),
                _ => continue,
            };
            door(&mut instance, name, opens, Arc::clone(tape), called.into())?;
        }
    }
    Ok(linker)
}

/// What the end of a resource is called, as a function.
fn dropping(interface: &str, resource: &str) -> String {
    format!("{interface}#{DROP}{resource}")
}

/// What the name begins with of the function that ends a resource.
pub(super) const DROP: &str = "[resource-drop]";

/// A door that hands calls on, and takes down what comes of them.
pub(super) fn record(
    instance: &mut LinkerInstance<'_, Ctx>,
    name: &str,
    opens: Opens,
    tape: Arc<Tape>,
    called: Arc<str>,
) -> Result<()> {
    match opens {
        Opens::Function => instance.func_new_async(name, move |mut store, ty, arguments, results| {
            let (tape, called) = (Arc::clone(&tape), Arc::clone(&called));
            Box::new(async move {
                let arguments = numbered(&mut store, arguments)?;
                let result = hand_on(&mut store, &tape, &called, arguments).await?;
                fill(&mut store, &ty, &result, results)
            })
        }),
        Opens::Resource => {
            instance.resource_async(name, ResourceType::host_dynamic(RESOURCE), move |mut store, number| {
                let (tape, called) = (Arc::clone(&tape), Arc::clone(&called));
                Box::new(async move { hand_on(&mut store, &tape, &called, vec![number.into()]).await.map(|_| ()) })
            })
        }
    }
}

/// A door behind which there is nothing but the tape.
pub(super) fn play(
    instance: &mut LinkerInstance<'_, Ctx>,
    name: &str,
    opens: Opens,
    tape: Arc<Tape>,
    called: Arc<str>,
) -> Result<()> {
    match opens {
        Opens::Function => instance.func_new(name, move |mut store, ty, arguments, results| {
            let arguments = numbered(&mut store, arguments)?;
            let result = tape.play(&called, arguments)?;
            fill(&mut store, &ty, &result, results).map_err(|error| tape.illegible(&error).into())
        }),
        Opens::Resource => instance.resource(name, ResourceType::host_dynamic(RESOURCE), move |_, number| {
            tape.play(&called, vec![number.into()]).map(|_| ())
        }),
    }
}

/// Has a call answered by what stands behind, and takes down what comes of it.
async fn hand_on(
    store: &mut StoreContextMut<'_, Ctx>,
    tape: &Tape,
    called: &str,
    arguments: Vec<Value>,
) -> Result<Value> {
    tape.calls(called, &arguments);
    let behind = store.data_mut().taped.as_mut().and_then(|taped| taped.behind.take());
    let mut behind = behind.ok_or_else(|| format_err!("nobody is there to answer what is recorded"))?;
    let answered = behind.call(called, arguments).await;
    if let Some(taped) = &mut store.data_mut().taped {
        taped.behind = Some(behind);
    }
    match &answered {
        Ok(result) => tape.returned(result),
        Err(error) => {
            if let Some(exit) = error.downcast_ref::<Exit>() {
                tape.exited(*exit);
            }
        }
    }
    answered
}

/// The arguments of a call, each resource by its number.
fn numbered(store: &mut StoreContextMut<'_, Ctx>, arguments: &[Val]) -> Result<Vec<Value>> {
    let mut number = |resource: ResourceAny| Ok(ResourceDynamic::try_from_resource_any(resource, &mut *store)?.rep());
    arguments.iter().map(|argument| values::write(argument, &mut number)).collect()
}

/// Gives the guest what a call returns.
fn fill(store: &mut StoreContextMut<'_, Ctx>, ty: &ComponentFunc, result: &Value, results: &mut [Val]) -> Result<()> {
    let types: Vec<Type> = ty.results().collect();
    if let (Some(place), Some(ty)) = (results.first_mut(), types.first()) {
        let mut give = |number, _| ResourceDynamic::new_own(number, RESOURCE).try_into_resource_any(&mut *store);
        *place = values::read(result, ty, &mut give)?;
    }
    Ok(())
}
