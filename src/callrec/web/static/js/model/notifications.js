/** The user's notifications. */

import { computed, signal } from "../../vendor/signals.js";
import { ownUrl } from "../base.js";
import { request } from "../net/ocs.js";
import * as talk from "../net/talk.js";
import { Poll } from "./poll.js";

const INTERVAL_MS = 4_000;

/** Notification objects, newest first. */
export const notifications = signal([]);

/** Ids of those that were put off until later. */
const putOff = signal(new Set());

/** Those to be shown. */
export const shown = computed(() => notifications.value.filter((one) => !putOff.value.has(one.notification_id)));

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
  putOff.value = new Set();
}

/** Show this one no more until all are shown. */
export function later(notification) {
  putOff.value = new Set([...putOff.value, notification.notification_id]);
}

/** Show all, or none if all are shown. */
export function toggleAll() {
  const all = shown.value.length === notifications.value.length;
  putOff.value = new Set(all ? notifications.value.map((one) => one.notification_id) : []);
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
