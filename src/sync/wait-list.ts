/** A place in a {@link WaitList}. */
export interface Place<P> {
  /** Whether it is in a list; its neighbours there. */
  inList: boolean;
  previous: P | null;
  following: P | null;
}

/** Those who wait for one thing, in order of arrival, out of whose middle any of them may go: the places are the links. */
export class WaitList<P extends Place<P>> {
  first: P | null = null;
  #last: P | null = null;
  size = 0;

  add(place: P): void {
    const last = this.#last;
    place.inList = true;
    place.previous = last;
    if (last === null) this.first = place;
    else last.following = place;
    this.#last = place;
    this.size++;
  }

  /** One that is not in the list stays out of it. */
  delete(place: P): void {
    if (!place.inList) return;
    const { previous, following } = place;
    if (previous === null) this.first = following;
    else previous.following = following;
    if (following === null) this.#last = previous;
    else following.previous = previous;
    place.inList = false;
    place.previous = null;
    place.following = null;
    this.size--;
  }

  /** As they are now: what is done to one may take others out. */
  *[Symbol.iterator](): Generator<P, void> {
    const places: P[] = [];
    for (let place = this.first; place !== null; place = place.following) places.push(place);
    for (const place of places) if (place.inList) yield place;
  }
}
