import type { BrowserContext, Locator, Page } from 'playwright-core'
import type { Role } from '../../src/model/administrator.ts'
import type { RunningService } from './service.ts'

/** Somebody who may use the panel. */
export interface Person {
  readonly name: string
  readonly password: string
  readonly role: Role
}

export const OWNER: Person = { name: 'olga', password: 'Owner-of-the-ferry-1', role: 'owner' }
export const OPERATOR: Person = { name: 'otto', password: 'Operates-the-ferry-2', role: 'operator' }
export const VIEWER: Person = { name: 'vera', password: 'Views-the-ferry-3', role: 'viewer' }

export async function addAdministrators(service: RunningService, ...people: readonly Person[]): Promise<void> {
  for (const { name, password, role } of people) {
    const { exitCode, stderr } = await service.run(['admin', 'add', name, '--role', role], `${password}\n`)
    if (exitCode !== 0) throw new Error(`postferry admin add ended with ${exitCode}: ${stderr}`)
  }
}

/** A new page of somebody who has signed in, as they do. */
export async function signedIn(context: BrowserContext, url: string, person: Person): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${url}/admin`)
  await fillSignIn(page, person)
  await heading(page, 'Overview').waitFor()
  return page
}

export async function fillSignIn(page: Page, { name, password }: Omit<Person, 'role'>): Promise<void> {
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Password').fill(password)
  await button(page, 'Sign in').click()
}

export function heading(page: Page, name: string | RegExp): Locator {
  return page.getByRole('heading', { name, exact: true })
}

export function button(page: Page, name: string | RegExp): Locator {
  return page.getByRole('button', { name, exact: true })
}

export function link(page: Page, name: string | RegExp): Locator {
  return page.getByRole('link', { name, exact: true })
}

/** The part of a page under this heading. */
export function section(page: Page, title: string): Locator {
  return page.locator('section', { has: heading(page, title) })
}

/** What the page says of the last action. */
export function notice(page: Page): Locator {
  return page.locator('.notice').first()
}

/** The value beside a name in a list of facts. */
export function fact(page: Page, name: string): Locator {
  return page.locator('dt', { hasText: name }).locator('xpath=following-sibling::dd[1]')
}
