/** The user's notifications. */

import { signal } from "../../vendor/signals.js";
import { ownUrl } from "../base.js";
import { request } from "../net/ocs.js";
import * as talk from "../net/talk.js";
import { Poll } from "./poll.js";

const INTERVAL_MS = 4_000;

/** Notification objects, newest first. */
export const notifications = signal([]);

let etag = null;

export const notificationList = new Poll(async () => {
  const { status, data, headers } = await talk.listNotifications(etag);
  if (status === 304) return;
  etag = headers.get("ETag");
  notifications.value = data ?? [];
}, INTERVAL_MS);

const reload = () => {
  etag = null;
  return notificationList.now();
};

/** Forget what we know, for the next user. */
export function clearNotifications() {
  etag = null;
  notifications.value = [];
}

const without = (id) => notifications.value.filter((one) => one.notification_id !== id);

/** Carry out one of the notification's own actions. */
export async function act(notification, action) {
  await request(action.type, ownUrl(action.link, "ocs/"));
  notifications.value = without(notification.notification_id);
  await reload();
}

/** Delete a notification that has no actions. */
export async function dismiss(notification) {
  await talk.deleteNotification(notification.notification_id);
  notifications.value = without(notification.notification_id);
  await reload();
}
