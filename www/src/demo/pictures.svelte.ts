import { SvelteMap } from "svelte/reactivity";
import type { PageClient } from "./page-client.svelte.ts";
import { refusalOf, type Refusal } from "./refusal.ts";

/** A stored picture, as the sample API answers it. */
export interface Picture {
  id: string;
  content_type: string;
  width: number;
  height: number;
  bytes: number;
  sha256: string;
  stored_at: string;
}

/** The pictures that the API holds, and the ones that this page uploaded. */
export class Pictures {
  /** Newest first; `undefined` until the API has answered once. */
  stored = $state.raw<Picture[]>();
  refusal = $state.raw<Refusal>();
  uploading = $state(0);
  listing = $state(false);
  /** Object URLs of what this page uploaded, by SHA-256: the API never serves pixels. */
  readonly thumbnails = new SvelteMap<string, string>();

  constructor(private readonly client: PageClient) {}

  async list(): Promise<void> {
    this.listing = true;
    try {
      const response = await this.client.fetch("/pictures");
      this.stored = ((await response.json()) as { pictures: Picture[] }).pictures;
      this.refusal = undefined;
    } catch (error) {
      this.refusal = refusalOf(error);
    } finally {
      this.listing = false;
    }
  }

  /** Uploads one after the other; a refused one does not stop the rest. */
  async upload(files: Iterable<File>): Promise<void> {
    let refusal: Refusal | undefined;
    for (const file of files) {
      this.uploading += 1;
      try {
        const headers = { "content-type": file.type || "application/octet-stream" };
        const response = await this.client.fetch("/pictures", { method: "POST", headers, body: file });
        this.#show((await response.json()) as Picture, file);
      } catch (error) {
        const { text, ...rest } = refusalOf(error);
        refusal = { text: `${file.name} was not stored. ${text}`, ...rest };
      } finally {
        this.uploading -= 1;
      }
    }
    await this.list();
    this.refusal = refusal ?? this.refusal;
  }

  #show({ sha256 }: Picture, file: File): void {
    if (!this.thumbnails.has(sha256)) this.thumbnails.set(sha256, URL.createObjectURL(file));
  }
}
