// Generated from shared/workspace/http/openapi.yaml by `npm run generate`; change that file instead.

export interface paths {
    "/workspace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Proof that the address and the token are right */
        get: operations["getWorkspace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/projects/{projectId}/members": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
            };
            cookie?: never;
        };
        /**
         * Everybody in the project who came from OpenTrain
         * @description Lists the members who were added through this contract, and those who have a Work Email but were added in another
         *     way. Members of staff are not listed: their addresses are none of the connector's business. The order is stable while
         *     nothing changes, so that nobody who stays is missed between two pages.
         */
        get: operations["listMembers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/projects/{projectId}/members/{opentrainUserId}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
                /** @description OpenTrain's id of the trainer, the only stable key of a person. */
                opentrainUserId: components["parameters"]["OpentrainUserId"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Find or make the person by Work Email, and put them in the project
         * @description Idempotent. Whoever is in the project already stays as they are, with 200. A trainer who is known under another
         *     Work Email keeps their account and takes the new address. `displayName` is masked by OpenTrain ("Maria S."), not unique,
         *     and may change: show it, key nothing on it.
         */
        put: operations["putMember"];
        post?: never;
        /**
         * Take the person out of the project
         * @description From the answer on the person can neither open the project nor submit work to it, with whatever session or token they
         *     hold. Their account, their other projects and their past work stay. Idempotent: for somebody who is not
         *     in the project answer 204, or 404 with the code `MEMBER_UNKNOWN`; both mean "absent" to the connector. Answer 404
         *     with `PROJECT_UNKNOWN` only for a project that never was.
         */
        delete: operations["deleteMember"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/projects/{projectId}/daily-totals": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
            };
            cookie?: never;
        };
        /**
         * What was done per trainer and UTC day
         * @description Counts only work done within [from, to), split at midnight UTC: a session from 23:30 to 00:30 is 1,800 seconds on each
         *     of two days. Work of people who have left the project since then counts too. At most one row per trainer and day, over all pages;
         *     a day without work has no row. A measure that the platform does not have is left out, never sent as 0.
         */
        get: operations["listDailyTotals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/projects/{projectId}/notice": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Show a notice about the funds to everybody who works in the project
         * @description One notice a project; a new one replaces the old. Without such a place in your product answer 501 `UNSUPPORTED`.
         */
        put: operations["putNotice"];
        post?: never;
        /**
         * Take the notice away
         * @description Idempotent; 204 also when there was none.
         */
        delete: operations["deleteNotice"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Workspace: {
            /** @example Acme Annotate */
            name: string;
            /** @example 4.2 */
            version?: string;
        };
        /** @example maria.s@opentrain.work */
        WorkEmail: string;
        NewMember: {
            workEmail: components["schemas"]["WorkEmail"];
            /** @example Maria S. */
            displayName: string;
        };
        AddedMember: {
            memberId: components["schemas"]["MemberId"];
            opentrainUserId: string;
            workEmail: components["schemas"]["WorkEmail"];
        };
        Member: {
            memberId: components["schemas"]["MemberId"];
            /** @description Left out for somebody who was not added through this contract. */
            opentrainUserId?: string;
            workEmail?: components["schemas"]["WorkEmail"];
        };
        /** @description Your own id of the person. It never changes and is never given to somebody else. */
        MemberId: string;
        DailyTotal: {
            opentrainUserId: string;
            memberId?: components["schemas"]["MemberId"];
            /**
             * Format: date
             * @description The UTC day.
             */
            workDate: string;
            /** @description Time worked. */
            seconds?: number;
            /** @description Tasks submitted. */
            tasks?: number;
            /** @description Labels submitted. */
            labels?: number;
        };
        Notice: {
            /**
             * @description LOW when most of the funds are used, DEPLETED when nothing is left to pay for further work.
             * @enum {string}
             */
            state: "LOW" | "DEPLETED";
            /** @description Plain text */
            text: string;
            /**
             * Format: uri
             * @description Where to top up.
             */
            url?: string;
        };
        /** @description Names the next page; null on the last one. */
        NextCursor: string | null;
        Failure: {
            /** @description One sentence for an operator to read. No token and no address. */
            error: string;
            /**
             * @description BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, PROJECT_UNKNOWN, MEMBER_UNKNOWN, CONFLICT, RATE_LIMITED, UNSUPPORTED,
             *     UNAVAILABLE, or one of your own. Only PROJECT_UNKNOWN, MEMBER_UNKNOWN and UNSUPPORTED change what the connector does.
             * @example MEMBER_UNKNOWN
             */
            code: string;
        };
    };
    responses: {
        /** @description Anything but success. The table above says what each status means. */
        Failure: {
            headers: {
                /** @description Seconds to wait, or an HTTP date; with 429 and 503. */
                "Retry-After"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Failure"];
            };
        };
    };
    parameters: {
        /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
        ProjectId: string;
        /** @description OpenTrain's id of the trainer, the only stable key of a person. */
        OpentrainUserId: string;
        /** @description `nextCursor` of the page before; left out for the first page. Opaque to the connector. */
        Cursor: string;
        /** @description Rows wanted on a page; the platform may send fewer. */
        Limit: number;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The platform as it names itself. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Workspace"];
                };
            };
            default: components["responses"]["Failure"];
        };
    };
    listMembers: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before; left out for the first page. Opaque to the connector. */
                cursor?: components["parameters"]["Cursor"];
                /** @description Rows wanted on a page; the platform may send fewer. */
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        members: components["schemas"]["Member"][];
                        nextCursor: components["schemas"]["NextCursor"];
                    };
                };
            };
            default: components["responses"]["Failure"];
        };
    };
    putMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
                /** @description OpenTrain's id of the trainer, the only stable key of a person. */
                opentrainUserId: components["parameters"]["OpentrainUserId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewMember"];
            };
        };
        responses: {
            /** @description Was in the project already. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AddedMember"];
                };
            };
            /** @description Was added now. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AddedMember"];
                };
            };
            default: components["responses"]["Failure"];
        };
    };
    deleteMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
                /** @description OpenTrain's id of the trainer, the only stable key of a person. */
                opentrainUserId: components["parameters"]["OpentrainUserId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Is not in the project (any more). */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Failure"];
        };
    };
    listDailyTotals: {
        parameters: {
            query: {
                /** @description First instant that counts. */
                from: string;
                /** @description First instant that counts no more. */
                to: string;
                /** @description `nextCursor` of the page before; left out for the first page. Opaque to the connector. */
                cursor?: components["parameters"]["Cursor"];
                /** @description Rows wanted on a page; the platform may send fewer. */
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        totals: components["schemas"]["DailyTotal"][];
                        nextCursor: components["schemas"]["NextCursor"];
                    };
                };
            };
            default: components["responses"]["Failure"];
        };
    };
    putNotice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Notice"];
            };
        };
        responses: {
            /** @description Is shown. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Failure"];
        };
    };
    deleteNotice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Your own id of the project, as it was registered with OpenTrain (`externalProjectId`). */
                projectId: components["parameters"]["ProjectId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No notice is shown. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Failure"];
        };
    };
}
