// The status page is whole without this: here it is only looked up again whether it is still true.

/** How often to look, in milliseconds; nothing changes for anybody who does not look at the page. */
const EVERY = 30_000;

let tag = null;
setInterval(async () => {
  if (document.hidden) return;
  const response = await fetch(location.href, { method: "HEAD", cache: "no-cache" }).catch(() => null);
  const now = response?.headers.get("etag");
  if (tag !== null && now && now !== tag) location.reload();
  tag = now ?? tag;
}, EVERY);
