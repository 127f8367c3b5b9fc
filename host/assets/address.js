// What is chosen on a page, kept in its address: so it can be sent to somebody, and is there again for whoever comes back.

/** Says in the address of `page`, which is what follows the `#/`, that `query` is chosen there. It is the same place of the history. */
export function keep(page, query) {
  const text = query.toString().replaceAll("%2C", ",");
  history.replaceState(null, "", `#/${page}${text && `?${text}`}`);
}
