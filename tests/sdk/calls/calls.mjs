// Makes calls through the gateway and tells of each, a JSON line a call: the actions that its requests are, and the error it raised.

export async function call(actions, make, denied = false) {
  let error = null;
  let text = '';
  try {
    await make();
  } catch (raised) {
    error = raised.constructor.name;
    text = String(raised.message);
  }
  console.log(JSON.stringify({ actions: actions.split(' '), denied, error, text }));
}

export const denied = (actions, make) => call(actions, make, true);
